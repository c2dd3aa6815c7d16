-- Puts a batch of tasks. Sent again with the same number, it puts nothing, but wakes workers again if tasks are left.
--
-- KEYS  see tasks.lua
-- ARGV  1 number  of the batch
--       2 close   1: no more tasks come
--       3… the tasks
-- Returns how many workers were woken
-- include messages/lua/tasks.lua
local NUMBER = tonumber(ARGV[1])
if tonumber(redis.call('HGET', STATE, 'put') or 0) < NUMBER then
  redis.call('HSET', STATE, 'put', NUMBER) -- the first write, which a full server refuses
  if ARGV[2] == '1' then redis.call('HSET', STATE, 'closed', 1) end
  for i = 3, #ARGV, 1000 do -- unpack has a limit
    redis.call('RPUSH', ITEMS, unpack(ARGV, i, math.min(i + 999, #ARGV)))
  end
  renew_expiry()
end
return wake_workers(redis.call('HGET', STATE, 'closed') and math.huge or redis.call('LLEN', ITEMS))
