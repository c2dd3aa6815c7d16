-- Ends a get() that was given up: returns the item that the caller did not receive, or leaves the queue of waiters; and
-- refuses the request from now on, since a copy of it may still be under way.
--
-- KEYS, ARGV  see get.lua
-- Returns 1
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/join_queue.lua
-- include engine/lua/request_permit.lua
-- include messages/lua/queue.lua
local reserved = redis.call('HDEL', STATE, TOKEN) == 1 -- the first write, also allowed if the server's memory is full
local item
if ARGV[6] == '1' then
  item = redis.call('HGET', TAKEN, TOKEN)
  refuse_copies()
else
  item = find_result()
  if item ~= '' then save_result('') end
end
if item and item ~= '' then
  return_to_front(item)
  if redis.call('HDEL', TAKEN, TOKEN) == 0 then capacity = redis.call('HINCRBY', STATE, 'capacity', 1) end
end
if not reserved then leave_queue(TOKEN) end
expire_leases()
grant_to_waiters()
return 1
