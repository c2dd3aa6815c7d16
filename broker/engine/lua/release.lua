-- Releases a permit, or leaves the queue, and grants the permit to the next waiter.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1 released, 0 not held, -1 not held because the lease expired first
local released = redis.call('HDEL', KEYS[1], ARGV[3]) == 1
local head = released and redis.call('ZPOPMIN', KEYS[2])[1]
if released and not head then return 1 end
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
local granted = head and grant_to_waiter(head) -- the permit that was released is held again
if granted and now < next_expiry then
  notify_head()
  return 1
end
-- include engine/lua/maintenance.lua
if released then
  expire_leases()
  grant_to_waiters()
  notify_head()
  return 1
end
if leave_queue(TOKEN) then return 1 end
return redis.call('ZSCORE', ENDED, TOKEN) and -1 or 0
