-- Releases a permit, or leaves the queue, as release.lua; and refuses the request from now on, see refuse_copies.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1 released, 0 not held, -1 not held because the lease expired first
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
local released = redis.call('HDEL', STATE, TOKEN) == 1
refuse_copies()
if released then
  expire_leases()
  grant_to_waiters()
  return 1
end
if leave_queue(TOKEN) then return 1 end
return redis.call('ZSCORE', ENDED, TOKEN) and -1 or 0
