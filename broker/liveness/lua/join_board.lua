-- Adds a process to the board as alive.
--
-- KEYS, ARGV 1-2  see board.lua
-- ARGV  3 token  of the heartbeat
--       4 name
-- Returns 1, or 0 if the heartbeat has ended
-- include liveness/lua/board.lua
local token, name = ARGV[3], ARGV[4]
if redis.call('ZSCORE', ENDED, token) then return 0 end
redis.call('HSET', TOKENS, name, token)
reset_ttl(TOKENS)
if redis.call('ZADD', REPORTS, now, name) == 1 then
  redis.call('ZREM', DEAD, name)
  publish_change(name)
end
reset_ttl(REPORTS)
return 1
