-- Removes a dead name from the board.
--
-- KEYS, ARGV 1-2  see board.lua
-- ARGV  3 name
-- Returns 1
-- include liveness/lua/board.lua
if redis.call('ZREM', DEAD, ARGV[3]) == 1 then
  redis.call('HDEL', TOKENS, ARGV[3])
  publish_change(ARGV[3])
end
return 1
