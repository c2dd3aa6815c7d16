-- Ends a heartbeat because its process has left or died.
--
-- KEYS, ARGV 1-2  see board.lua
-- ARGV  3 token  of the heartbeat
--       4 name
--       5 died   1: the name is dead from now on; 0: it is removed from the board
-- Returns 1
if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end -- do not create a board again that was deleted
-- include liveness/lua/board.lua
local token, name, died = ARGV[3], ARGV[4], ARGV[5] == '1'
redis.call('ZREMRANGEBYSCORE', ENDED, '-inf', now - RETRY_WINDOW)
redis.call('ZADD', ENDED, now, token)
reset_ttl(ENDED)
if redis.call('HGET', TOKENS, name) == token then -- else another heartbeat has joined under the same name
  redis.call('ZREM', REPORTS, name)
  if died then
    redis.call('ZADD', DEAD, 'NX', now, name)
    reset_ttl(DEAD)
  else
    redis.call('ZREM', DEAD, name)
    redis.call('HDEL', TOKENS, name)
  end
  publish_change(name)
end
return 1
