-- Says that an item that was taken is done.
--
-- KEYS, ARGV 1-5  see queue.lua
-- KEYS 11 done    string, and a channel: rises whenever nothing is left to do
-- Returns 1 done, 0 not taken, -1 not taken any more because the lease ended first
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
-- include engine/lua/ask.lua
-- include messages/lua/queue.lua
if redis.call('HDEL', TAKEN, TOKEN) == 0 then return redis.call('ZSCORE', ENDED, TOKEN) and -1 or 0 end
redis.call('HDEL', STATE, TOKEN)
if redis.call('HINCRBY', STATE, 'capacity', -1) == 0 then
  local risen = string.format('%.0f', math.max((redis.call('GET', KEYS[11]) or 0) + 1, now))
  redis.call('SET', KEYS[11], risen, 'PX', IDLE)
  redis.call('PUBLISH', KEYS[11], risen)
end
return 1
