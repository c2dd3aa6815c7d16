-- Delivers a worker's result, and takes the next task for it, or has it wait for one.
--
-- KEYS  see tasks.lua
-- ARGV  1 worker
--       2 number   of this request; a worker sends one at a time, and numbers them from 1
--       3 mode     0: take a task if there is one; 1: else wait for one; 2: take none, and stop waiting
--       4 channel  of the worker
--       5 taken    the number of the request that took the worker's current task; 0: there is none
--       6 result   of that task; if it is empty, the task is dropped
-- Returns the task; or 0 if none will come for this worker, or 1 if there is none now
-- include messages/lua/tasks.lua
local WORKER, NUMBER, MODE, CHANNEL, TAKEN_AT = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
local last, reader, closed = unpack(redis.call('HMGET', STATE, WORKER, 'reader', 'closed'))
if not last then return 0 end -- it counts as dead, or the data were lost
last = tonumber(last)
if last > NUMBER then return redis.error_reply('WITHDRAWN') end -- a late copy, whose reply nobody reads
if last == NUMBER then -- sent again: because the reply was lost, or since it waits
  local task = redis.call('HGET', HELD, WORKER)
  if task then return task end
else
  local unknown = last ~= TAKEN_AT and redis.call('HGET', HELD, WORKER) -- the worker never received it, or has given it up
  redis.call('HDEL', HELD, WORKER) -- the first write, also allowed if the server's memory is full
  if unknown then redis.call('LPUSH', ITEMS, unknown) end
  if ARGV[6] ~= '' and last <= TAKEN_AT then
    redis.call('RPUSH', RESULTS, ARGV[6])
    if reader then wake_reader(reader) end
  end
  redis.call('HSET', STATE, WORKER, NUMBER)
end
if MODE == '2' then
  redis.call('ZREM', WAITING, CHANNEL)
  wake_workers(math.min(1, redis.call('LLEN', ITEMS))) -- the one that was woken may be this one
  return 0
end
local task = redis.call('LPOP', ITEMS)
if task then
  redis.call('HSET', HELD, WORKER, task)
  if last == NUMBER then redis.call('ZREM', WAITING, CHANNEL) end
  return task
end
if closed then return 0 end
if MODE == '1' then
  local clock = redis.call('TIME')
  redis.call('ZADD', WAITING, 'NX', string.format('%.0f', clock[1] * 1000000 + clock[2]), CHANNEL)
  renew_expiry()
end
return 1
