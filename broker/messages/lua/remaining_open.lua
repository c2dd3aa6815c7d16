-- Looks whether anybody has an end of a pipe open.
--
-- KEYS, ARGV  see open_end.lua; the arguments are not needed
-- Returns for how many microseconds somebody surely has, 0 if nobody
local clock = redis.call('TIME')
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
return math.max(0, math.ceil((last or 0) - (clock[1] * 1000000 + clock[2])))
