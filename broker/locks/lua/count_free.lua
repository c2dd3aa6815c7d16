-- Opens a lock or a semaphore and counts its free permits.
--
-- KEYS, ARGV 1-3  see state.lua; the token is a new one
-- Returns the number of free permits
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
open()
reap()
if serve() then tell_head() end
return free()
