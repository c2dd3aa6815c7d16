-- Initializes a queue and counts its items.
--
-- KEYS, ARGV 1-5  see queue.lua
-- Returns the number of items
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/join_queue.lua
-- include engine/lua/request_permit.lua
-- include messages/lua/queue.lua
initialize()
expire_leases()
select_slots()
if start and tonumber(start) ~= MAXSIZE then return redis.error_reply('MISMATCH ' .. start) end
initialize()
return redis.call('LLEN', ITEMS)
