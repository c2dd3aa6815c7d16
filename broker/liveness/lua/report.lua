-- Reports that a process is alive.
--
-- KEYS  1 reports  see board.lua
-- ARGV  1 gap      see board.lua
--       2 name
-- Returns 1, or 0 if the process must join (again): it is not among the alive and late, or there was a gap
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
if not newest or now - newest > tonumber(ARGV[1]) then return 0 end
return redis.call('ZADD', KEYS[1], 'XX', 'CH', now, ARGV[2])
