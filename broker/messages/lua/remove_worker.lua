-- Ends what a worker may do: from now on, it takes no task, and its results are dropped.
--
-- KEYS  see tasks.lua
-- ARGV  1 worker
--       2 action  what becomes of the task that it holds: keep, return (to the front), drop
-- Returns the task; or 0 if there is none, or it is kept no longer and nobody was woken for it; or 1
-- include messages/lua/tasks.lua
local WORKER, ACTION = ARGV[1], ARGV[2]
redis.call('HDEL', STATE, WORKER) -- the first write, also allowed if the server's memory is full
local task = redis.call('HGET', HELD, WORKER)
if not task then return 0 end
if ACTION == 'keep' then return task end
redis.call('HDEL', HELD, WORKER)
if ACTION == 'drop' then return 0 end
redis.call('LPUSH', ITEMS, task)
renew_expiry()
return wake_workers(1)
