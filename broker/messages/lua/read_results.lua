-- Reads the results that are there, or has the owner wait for one; and removes those that it has received before.
--
-- KEYS  see tasks.lua
-- ARGV  1 number    of this reading; the owner sends one request at a time, and numbers them from 1
--       2 received  how many results the reading before it has returned
--       3 channel   of the owner, if it waits; else empty
-- Returns the results, at most 1,000, and not more than a megabyte unless the first one is larger
-- include messages/lua/tasks.lua
local NUMBER, RECEIVED, CHANNEL = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local last = tonumber(redis.call('HGET', STATE, 'read') or 0)
if last > NUMBER then return redis.error_reply('WITHDRAWN') end -- a late copy, whose reply nobody reads
redis.call('HDEL', STATE, 'reader') -- the first write, also allowed if the server's memory is full
if last < NUMBER then
  if last == NUMBER - 1 then redis.call('LTRIM', RESULTS, RECEIVED, -1) end -- else the data were lost
  redis.call('HSET', STATE, 'read', NUMBER)
end
local results, size = {}, 0
for i = 0, 999 do
  local result = redis.call('LRANGE', RESULTS, i, i)[1] -- one by one: they may be large
  size = size + (result and #result or 0)
  if not result or (i > 0 and size > 1048576) then break end
  results[i + 1] = result
end
if #results == 0 and CHANNEL ~= '' then
  redis.call('HSET', STATE, 'reader', CHANNEL)
  renew_expiry()
end
return results
