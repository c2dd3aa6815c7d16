-- What the scripts of a queue of tasks share.
--
-- KEYS  1 state    hash  put: the number of the last batch of tasks; read: of the last reading of results; closed: 1 if
--                        no more tasks come; reader: the channel of the owner while it waits for results; and for each
--                        worker that may take tasks: worker -> the number of its last request
--       2 items    list  tasks that no worker has taken
--       3 held     hash  worker -> the task that it works on
--       4 waiting  zset  channel of a worker that waits for a task -> since when, in microseconds
--       5 results  list  results that the owner has not confirmed
--
-- Invariants between any two scripts: a task is in items, or held by one worker, or its result is in results, or was;
-- only a worker whose number is in the state takes tasks and delivers results; who holds a task took it with its last
-- request.
local STATE, ITEMS, HELD, WAITING, RESULTS = unpack(KEYS)

-- Wakes workers that wait, those that have waited longest first; returns how many. One that cannot be reached is gone,
-- or will ask when it has connected again. One that is woken asks for a task, and waits anew if there is none.
local function wake_workers(count)
  local woken = 0
  while woken < count do
    local channel = redis.call('ZPOPMIN', WAITING)[1]
    if not channel then break end
    if redis.call('PUBLISH', channel, 'task') > 0 then woken = woken + 1 end
  end
  return woken
end

local function wake_reader(channel)
  redis.call('HDEL', STATE, 'reader')
  redis.call('PUBLISH', channel, 'result')
end

local function renew_expiry()
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, 7 * 86400000) end
end
