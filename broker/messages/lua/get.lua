-- Gets an item, or waits for one.
--
-- KEYS, ARGV 1-5  see queue.lua
-- ARGV  6 keep    1: the item stays under a lease until task_done.lua; 0: it is gone
-- Returns the item, or as ask.lua
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
-- include engine/lua/ask.lua
-- include messages/lua/queue.lua
local keep = ARGV[6] == '1'
local item
if keep then item = redis.call('HGET', TAKEN, TOKEN) else item = recall() end
if item then return item end
local answer
if keep then answer = ask(WAIT) else answer = use_permit() end
if type(answer) == 'table' then return answer end
item = redis.call('LPOP', ITEMS)
if keep then
  redis.call('HSET', TAKEN, TOKEN, item)
  redis.call('PEXPIRE', TAKEN, IDLE)
else
  record(item)
end
if MAXSIZE > 0 then
  turn_to_slots()
  open()
  add_permit()
end
return item
