-- Takes a get back whose caller was interrupted: an item that nobody received, or a place in the queue.
--
-- KEYS, ARGV  see get.lua
-- Returns 1
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
-- include engine/lua/ask.lua
-- include messages/lua/queue.lua
local item
if ARGV[6] == '1' then item = redis.call('HGET', TAKEN, TOKEN) else item = recall() end
if item and item ~= '' then
  redis.call('HDEL', PAST, CLIENT)
  redis.call('HDEL', BEFORE, CLIENT)
  put_back(item)
  if redis.call('HDEL', TAKEN, TOKEN) == 0 then capacity = redis.call('HINCRBY', STATE, 'capacity', 1) end
end
if redis.call('HDEL', STATE, TOKEN) == 0 then leave(TOKEN) end
reap()
if serve() then tell_head() end
return 1
