-- Reads who holds permits and who waits for them; changes nothing.
--
-- KEYS  state and queue (see state.lua) of the permits; a queue's slots follow its items
-- ARGV  1 token  not used
-- Returns {now, holders, waiters, …}, as list_permits.lua for each pair of keys
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
-- include engine/lua/list_permits.lua
local reply = { now }
for i = 1, #KEYS, 2 do
  table.insert(reply, list_holders(KEYS[i]))
  table.insert(reply, list_waiters(KEYS[i + 1]))
end
return reply
