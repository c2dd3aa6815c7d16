-- How a wish for a permit is answered; rules.lua comes before it. The same token may ask as often as it likes.
--
-- Returns the fence of the grant, or {now, look, rank}: the server's clock, when to look again, and the place in the
-- queue, from 0
local function ask(wait)
  open()
  if mine then -- granted already: its reply or message was lost, or has not arrived yet
    extend(TOKEN, mine)
    return tonumber(string.match(mine, '^%d+'))
  end

  reap()
  redis.call('ZREM', ENDED, TOKEN) -- it may have missed an earlier turn: that is over
  if wait and not redis.call('ZSCORE', QUEUE, TOKEN) then
    redis.call('ZADD', QUEUE, redis.call('HINCRBY', STATE, 'ticket', 1), TOKEN)
    redis.call('PEXPIRE', QUEUE, IDLE)
  end
  if serve(TOKEN) then tell_head() end
  mine = redis.call('HGET', STATE, TOKEN)
  if mine then return tonumber(string.match(mine, '^%d+')) end -- others may have been served after it
  if not wait then
    if free() > 0 then return grant(TOKEN, LEASE) end
    leave(TOKEN)
  end
  return { now, math.min(look, now + LEASE), redis.call('ZRANK', QUEUE, TOKEN) or 0 }
end
