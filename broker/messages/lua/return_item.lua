-- Undoes a get() whose caller was interrupted: returns the item that the caller did not receive, or leaves the queue of
-- waiters.
--
-- KEYS, ARGV  see get.lua
-- Returns 1
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/request_permit.lua
-- include messages/lua/queue.lua
local item
if ARGV[6] == '1' then item = redis.call('HGET', TAKEN, TOKEN) else item = find_result() end
if item and item ~= '' then
  redis.call('HDEL', RESULTS, CLIENT)
  redis.call('HDEL', PREVIOUS_RESULTS, CLIENT)
  return_to_front(item)
  if redis.call('HDEL', TAKEN, TOKEN) == 0 then capacity = redis.call('HINCRBY', STATE, 'capacity', 1) end
end
if redis.call('HDEL', STATE, TOKEN) == 0 then leave_queue(TOKEN) end
expire_leases()
if grant_to_waiters() then notify_head() end
return 1
