-- Looks whether a queue has anything left to do.
--
-- KEYS  1 state, 2 done  see task_done.lua
-- ARGV  1 token          not needed
-- Returns {1 if nothing is left, generation}
local left = redis.call('HGET', KEYS[1], 'capacity')
return { tonumber(left or 0) == 0 and 1 or 0, tonumber(redis.call('GET', KEYS[2]) or 0) }
