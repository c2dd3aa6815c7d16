-- Ends a put() that was given up: leaves the queue of waiters, and refuses the request from now on, since a copy of it
-- may still be under way. If the item was put, it stays.
--
-- KEYS, ARGV  see put.lua; ARGV 6 is not used
-- Returns 1 if the item was put, else 0
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/join_queue.lua
-- include engine/lua/request_permit.lua
-- include messages/lua/queue.lua
local WITHDRAWN = '-'
local result = find_result()
if result then return result == WITHDRAWN and 0 or 1 end
select_slots()
local reserved = redis.call('HDEL', STATE, TOKEN) == 1 -- the first write, also allowed if the server's memory is full
save_result(WITHDRAWN)
if not reserved then leave_queue(TOKEN) end
expire_leases()
grant_to_waiters()
return 0
