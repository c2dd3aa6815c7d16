-- Makes the lease of a held permit whole again.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1 renewed, 0 not held
-- include state
-- include handoff
-- include rules
if not mine then return 0 end
open()
extend(TOKEN, mine)
return 1
