-- Requests a permit; needs maintenance.lua. A request may be repeated with the same token.

-- A ticket tells since when its request has waited: it is the time in microseconds, or one more than the last ticket if
-- the clock has not advanced since then. So tickets rise with every request that joins, also if the clock was set back
-- or the last ticket was lost with the server's data. Scores are exact up to 2^53, which is in the year 2255. A request
-- that is repeated while it waits keeps its ticket.
local function join_queue()
  local ticket = math.max((redis.call('HGET', STATE, 'ticket') or 0) + 1, now)
  redis.call('HSET', STATE, 'ticket', ticket)
  redis.call('ZADD', QUEUE, ticket, TOKEN)
  redis.call('PEXPIRE', QUEUE, IDLE_TTL)
end

-- Returns the fence of the grant, or {now, look, rank, fence}: the server's time, when to check again, the position in the
-- queue, from 0, and the last fence so far; or an error that nobody receives, if the request was withdrawn
local function request_permit(wait)
  initialize()
  if now < touched and redis.call('ZSCORE', ENDED, 'withdrawn ' .. TOKEN) then return redis.error_reply('WITHDRAWN') end
  if own_permit and parse_permit(own_permit) > now then -- the reply or message was lost, or has not arrived yet
    extend_lease(TOKEN, own_permit)
    return tonumber(string.match(own_permit, '^%d+'))
  end

  expire_leases()
  redis.call('ZREM', ENDED, TOKEN) -- an earlier grant that it did not acknowledge no longer counts
  if wait and not redis.call('ZSCORE', QUEUE, TOKEN) then join_queue() end
  if grant_to_waiters(TOKEN) then notify_head() end
  own_permit = redis.call('HGET', STATE, TOKEN)
  if own_permit then return tonumber(string.match(own_permit, '^%d+')) end -- later grants may have raised fence
  if not wait then
    if count_free() > 0 then return grant(TOKEN, LEASE) end
    leave_queue(TOKEN)
  end
  return { now, math.min(next_expiry, now + LEASE), redis.call('ZRANK', QUEUE, TOKEN) or 0, fence }
end
