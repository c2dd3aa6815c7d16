-- Reads the flag and the generation of an event.
--
-- KEYS, ARGV  see event.lua; the token is not used
-- Returns {set, generation}
local state = redis.call('HMGET', KEYS[1], 'set', 'generation')
redis.call('PEXPIRE', KEYS[1], 7 * 24 * 3600 * 1000)
return { tonumber(state[1] or 0), tonumber(state[2] or 0) }
