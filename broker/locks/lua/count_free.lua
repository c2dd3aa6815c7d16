-- Initializes a lock or a semaphore and counts its free permits.
--
-- KEYS, ARGV 1-3  see state.lua; the token is new
-- Returns the number of free permits
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
initialize()
expire_leases()
grant_to_waiters()
return count_free()
