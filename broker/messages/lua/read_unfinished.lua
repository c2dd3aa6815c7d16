-- Reads whether a joinable queue has unfinished items.
--
-- KEYS  1 state, 2 done  see finish_task.lua
-- ARGV  1 token          not used
-- Returns {1 if no item is unfinished, generation}
local unfinished = redis.call('HGET', KEYS[1], 'capacity')
return { tonumber(unfinished or 0) == 0 and 1 or 0, tonumber(redis.call('GET', KEYS[2]) or 0) }
