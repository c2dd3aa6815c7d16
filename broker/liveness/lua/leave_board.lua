-- Ends a heartbeat: its process has left, or has died.
--
-- KEYS, ARGV 1-2  see board.lua
-- ARGV  3 token  of the heartbeat
--       4 name
--       5 died   1: the name is dead from now on; 0: it is taken off the board
-- Returns 1
if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end -- a board that was deleted is not begun anew by this
-- include liveness/lua/board.lua
local token, name, died = ARGV[3], ARGV[4], ARGV[5] == '1'
redis.call('ZREMRANGEBYSCORE', ENDED, '-inf', now - REMEMBER)
redis.call('ZADD', ENDED, now, token)
keep(ENDED)
if redis.call('HGET', TOKENS, name) == token then -- or else another process has taken the name over
  redis.call('ZREM', REPORTS, name)
  if died then
    redis.call('ZADD', DEAD, 'NX', now, name)
    keep(DEAD)
  else
    redis.call('ZREM', DEAD, name)
    redis.call('HDEL', TOKENS, name)
  end
  tell(name)
end
return 1
