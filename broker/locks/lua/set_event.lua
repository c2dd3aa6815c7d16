-- Sets the flag and wakes all waiters.
--
-- KEYS, ARGV  see event.lua
-- Returns the number of waiters notified; no waiter relies on the message, since each compares generations
-- include locks/lua/event.lua
if not is_first_call() or flag == '1' then return 0 end
local raised = string.format('%.0f', math.max((generation or 0) + 1, now)) -- rises even if the data was lost
redis.call('HSET', STATE, 'set', 1, 'generation', raised)
return redis.call('PUBLISH', STATE, raised)
