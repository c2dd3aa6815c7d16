-- What task_done.lua and withdraw_task.lua share; needs queue.lua.
--
-- KEYS 11 done    string: a generation that rises whenever no item is left to do; its name is also the channel

-- Returns 1 done, 0 not taken, -1 no longer taken because the lease expired first
local function finish_task()
  if redis.call('HDEL', TAKEN, TOKEN) == 0 then return redis.call('ZSCORE', ENDED, TOKEN) and -1 or 0 end
  redis.call('HDEL', STATE, TOKEN)
  if redis.call('HINCRBY', STATE, 'capacity', -1) == 0 then
    local raised = string.format('%.0f', math.max((redis.call('GET', KEYS[11]) or 0) + 1, now))
    redis.call('SET', KEYS[11], raised, 'PX', IDLE_TTL)
    redis.call('PUBLISH', KEYS[11], raised)
  end
  return 1
end
