-- Opens a queue and counts its items.
--
-- KEYS, ARGV 1-5  see queue.lua
-- Returns the number of items
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
-- include engine/lua/ask.lua
-- include messages/lua/queue.lua
open()
reap()
turn_to_slots()
if start and tonumber(start) ~= MAXSIZE then return redis.error_reply('MISMATCH ' .. start) end
open()
return redis.call('LLEN', ITEMS)
