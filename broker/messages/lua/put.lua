-- Puts an item, or waits for a slot.
--
-- KEYS, ARGV 1-5  see queue.lua
-- ARGV  6 item
-- Returns 1, or as ask.lua
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
-- include engine/lua/ask.lua
-- include messages/lua/queue.lua
if recall() then return 1 end
if MAXSIZE > 0 then
  turn_to_slots()
  local answer = use_permit()
  if answer then return answer end
  turn_to_items()
end
record('')
open()
if redis.call('RPUSH', ITEMS, ARGV[6]) == 1 then redis.call('PEXPIRE', ITEMS, IDLE) end
add_permit()
return 1
