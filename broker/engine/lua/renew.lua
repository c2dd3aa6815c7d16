-- Makes the lease of a held permit whole again.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1 renewed, 0 not held
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
if not mine then return 0 end
open()
extend(TOKEN, mine)
return 1
