-- Leaves a barrier before the other parties have come, and refuses later copies of the arrival.
--
-- KEYS, ARGV 1-3  see barrier.lua
-- Returns 1
-- include locks/lua/barrier.lua
initialize()
local arrived, place, is_late = find_arrival()
if is_late then return 1 end
record_arrival('-', 0)
redis.call('ZREM', ENTERING, TOKEN)
if acting == TOKEN then
  break_barrier('left ' .. TOKEN)
elseif redis.call('ZREM', WAITING, TOKEN) == 1 then
  redis.call('ZREM', LEASES, TOKEN)
  redis.call('HSET', STATE, 'free', free and free .. ' ' .. place or place)
end
return 1
