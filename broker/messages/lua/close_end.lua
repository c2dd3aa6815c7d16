-- Removes a process from those that have an end of a pipe open.
--
-- KEYS  1 users, 2 gone  see open_end.lua
-- ARGV  1 token
-- Returns how many are left
local clock = redis.call('TIME')
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', clock[1] * 1000000 + clock[2]))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', clock[1] - 300)
redis.call('ZADD', KEYS[2], clock[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], 300 * 1000)
return redis.call('ZCARD', KEYS[1])
