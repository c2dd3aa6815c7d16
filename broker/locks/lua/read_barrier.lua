-- Reads a barrier.
--
-- KEYS, ARGV 1-3  see barrier.lua; the token is not used
-- Returns {number of parties that wait, broken (0 or 1), {token, since, …} of those that wait}
-- include locks/lua/barrier.lua
initialize()
expire_parties()
local waiting = redis.call('ZRANGE', WAITING, 0, -1, 'WITHSCORES')
return { acting and 0 or #waiting / 2, broken and 1 or 0, waiting }
