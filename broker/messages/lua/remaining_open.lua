-- Reads for how long an end of a pipe stays open even if no process renews its lease.
--
-- KEYS, ARGV  see open_end.lua; the arguments are not used
-- Returns microseconds, 0 if no process has the end open
local clock = redis.call('TIME')
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
return math.max(0, math.ceil((last or 0) - (clock[1] * 1000000 + clock[2])))
