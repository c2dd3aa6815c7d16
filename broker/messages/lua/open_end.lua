-- Registers a process as one that has an end of a pipe open, or renews its lease.
--
-- KEYS  1 users   zset  token -> expiry, in microseconds of the server's clock
--       2 gone    zset  for five minutes, in seconds: token -> when it was removed, since a delayed renewal must not add
--                       it again; '' -> when a lease was last renewed too late (see remaining_open.lua)
-- ARGV  1 lease   microseconds
--       2 renews  1: the process has this end open already; 0: it opens it
--       3 token   of one process's use of one end
-- Returns 1, or 0 if the token was removed
local USERS, GONE, TOKEN = KEYS[1], KEYS[2], ARGV[3]
if redis.call('ZSCORE', GONE, TOKEN) then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
if ARGV[2] == '1' and tonumber(redis.call('ZSCORE', USERS, TOKEN) or 0) <= now then
  redis.call('ZADD', GONE, clock[1], '')
  redis.call('PEXPIRE', GONE, 300 * 1000)
end
redis.call('ZADD', USERS, string.format('%.0f', now + ARGV[1]), TOKEN)
redis.call('PEXPIRE', USERS, 7 * 24 * 3600 * 1000)
return 1
