-- Reads who waits for an event; changes nothing.
--
-- KEYS, ARGV  see event.lua; the token is not used
-- Returns {token, since, …}
-- include locks/lua/event_waiters.lua
local clock = redis.call('TIME')
local generation = redis.call('HGET', KEYS[1], 'generation') or '0'
return list_event_waiters(KEYS[3], generation, clock[1] * 1000000 + clock[2])
