-- How a request joins the queue; needs state.lua.

-- Adds the request to the queue; returns false if it is there already, or if the server refuses that and `call` is
-- redis.pcall.
--
-- A ticket tells since when its request has waited: it is the time in microseconds, or one more than the last ticket if
-- the clock has not advanced since then. So tickets rise with every request that joins, also if the clock was set back
-- or the last ticket was lost with the server's data. Scores are exact up to 2^53, which is in the year 2255. A request
-- that is repeated while it waits keeps its ticket.
local function join_queue(call)
  local new = math.max(ticket + 1, now)
  if call('ZADD', QUEUE, 'NX', new, TOKEN) ~= 1 then return false end
  ticket = new
  redis.call('HSET', STATE, 'ticket', ticket)
  return true
end

-- Returns {now, look, rank, fence}: the server's time, when to check again, the position in the queue, from 0, and the last fence.
local function waiting_reply()
  return { now, math.min(next_expiry, now + LEASE), redis.call('ZRANK', QUEUE, TOKEN) or 0, fence }
end
