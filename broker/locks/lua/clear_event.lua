-- Clears the flag; the generation stays, so that nobody misses the set() before.
--
-- KEYS, ARGV  see event.lua
-- Returns 1
-- include locks/lua/event.lua
if first_time() then redis.call('HSET', STATE, 'set', 0) end
return 1
