-- Registers a process as one that has an end of a pipe open, or renews its lease.
--
-- KEYS  1 users  zset  token -> expiry, in microseconds of the server's clock
--       2 gone   zset  for five minutes: tokens that were removed, since a delayed renewal must not add them again
-- ARGV  1 lease  microseconds
--       2 token  of one process's use of one end
-- Returns 1, or 0 if the token was removed
if redis.call('ZSCORE', KEYS[2], ARGV[2]) then return 0 end
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], string.format('%.0f', clock[1] * 1000000 + clock[2] + ARGV[1]), ARGV[2])
redis.call('PEXPIRE', KEYS[1], 7 * 24 * 3600 * 1000)
return 1
