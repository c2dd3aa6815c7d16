-- Leaves a barrier before the other parties have come, and refuses later copies of the arrival.
--
-- KEYS, ARGV 1-3  see barrier.lua
-- ARGV  4 generation  of the arrival; '' if it is not known to have arrived
--       5 place       from 0
-- Returns 1
-- include locks/lua/barrier.lua
initialize()
local _, place, is_late = find_arrival()
if is_late then return 1 end
if ARGV[4] ~= '' then place = ARGV[5] end -- it may have arrived so long ago that the server has forgotten it
record_arrival('-', 0)
redis.call('ZREM', ENTERING, TOKEN)
if acting == TOKEN then
  break_barrier('left ' .. TOKEN)
elseif redis.call('ZREM', WAITING, TOKEN) == 1 then
  redis.call('ZREM', LEASES, TOKEN)
  redis.call('HSET', STATE, 'free', free and free .. ' ' .. place or place)
end
return 1
