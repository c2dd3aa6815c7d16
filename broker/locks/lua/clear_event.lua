-- Clears the flag; the generation stays, so that no waiter misses the last set().
--
-- KEYS, ARGV  see event.lua
-- Returns 1
-- include locks/lua/event.lua
if is_first_call() then redis.call('HSET', STATE, 'set', 0) end
return 1
