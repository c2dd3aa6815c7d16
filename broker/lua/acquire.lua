-- Takes a permit, or a place in the queue; the same token may ask again as often as it likes.
--
-- KEYS, ARGV 1-3  see state.lua
-- ARGV  4 wait    1: queue for a permit; 0: take one now or leave the queue
-- Returns the fence of the grant, or {now, look, rank}: the server's clock, when to look again, and the place in the
--       queue, from 0
-- include state
if start and not mine and now < look and now - touched < DAY and free() > 0 then return grant(TOKEN, LEASE) end
-- include handoff
-- include rules
open()
if mine then -- granted already: its reply or message was lost, or has not arrived yet
  extend(TOKEN, mine)
  return tonumber(string.match(mine, '^%d+'))
end

reap()
if ARGV[4] == '1' and not redis.call('ZSCORE', QUEUE, TOKEN) then
  redis.call('ZADD', QUEUE, redis.call('HINCRBY', STATE, 'ticket', 1), TOKEN)
  redis.call('PEXPIRE', QUEUE, IDLE)
end
if serve(TOKEN) then tell_head() end
mine = redis.call('HGET', STATE, TOKEN)
if mine then return tonumber(string.match(mine, '^%d+')) end -- others may have been served after it
if ARGV[4] == '0' then
  if free() > 0 then return grant(TOKEN, LEASE) end
  leave(TOKEN)
end
return { now, math.min(look, now + LEASE), redis.call('ZRANK', QUEUE, TOKEN) or 0 }
