-- Sets the flag and wakes every waiter.
--
-- KEYS, ARGV  see event.lua
-- Returns the number of waiters told; what counts is the generation, which a waiter compares with its own
-- include locks/lua/event.lua
if not first_time() or flag == '1' then return 0 end
local raised = string.format('%.0f', math.max((generation or 0) + 1, now)) -- the clock outlives lost data
redis.call('HSET', STATE, 'set', 1, 'generation', raised)
return redis.call('PUBLISH', STATE, raised)
