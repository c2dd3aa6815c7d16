-- Releases a permit, or leaves the queue, and grants the permit to the next waiter.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1 released, 0 not held, -1 not held because the lease expired first
local released = redis.call('HDEL', KEYS[1], ARGV[3]) == 1
local head, number
if released then
  head, number = unpack(redis.call('ZPOPMIN', KEYS[2]))
  if not head then return 1 end
end
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
if released then
  if capacity == 1 then next_expiry = now + DAY end -- no lease is left
  number = tonumber(number)
  if grant_to_waiter(head, number) and now < next_expiry then
    keep_watch(number)
    return 1
  end
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
