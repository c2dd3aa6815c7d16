-- Sets the flag and wakes every waiter.
--
-- KEYS, ARGV  see event.lua
-- Returns the number of waiters told; what counts is the generation, which a waiter compares with its own
-- include event
if not first_time() or redis.call('HGET', STATE, 'set') == '1' then return 0 end
local last = tonumber(redis.call('HGET', STATE, 'generation') or 0)
local generation = string.format('%.0f', math.max(last + 1, now)) -- the clock outlives lost data
redis.call('HSET', STATE, 'set', 1, 'generation', generation)
redis.call('PEXPIRE', STATE, IDLE)
return redis.call('PUBLISH', STATE, generation)
