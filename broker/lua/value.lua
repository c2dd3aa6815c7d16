-- Opens a lock or a semaphore and counts its free permits.
--
-- KEYS, ARGV 1-3  see state.lua; the token is a new one
-- Returns the number of free permits
-- include state
-- include handoff
-- include rules
open()
reap()
if serve() then tell_head() end
return free()
