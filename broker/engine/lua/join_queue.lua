-- How a request joins the queue; needs state.lua.
local MIN_INTERVAL = 1000 -- microseconds between two waiters that watch the leases

-- Adds the request to the queue. Returns when it has to check again; or nil if it is in the queue already, or if the server
-- refuses that and `call` is redis.pcall.
--
-- A ticket tells since when its request has waited: it is the time in microseconds, or one more than the last ticket if
-- the clock has not advanced since then. So tickets rise with every request that joins, also if the clock was set back
-- or the last ticket was lost with the server's data. Scores are exact up to 2^53, which is in the year 2255. A request
-- that is repeated while it waits keeps its ticket.
--
-- The first one checks when the next lease expires. Who joins later watches the leases for the first second, in case those
-- before it are dead. If many join, some of them do, and those that join between two of these check later, spread over a
-- lease from half a second later on, in case the one that watches is dead, too.
local function join_queue(call)
  local number = math.max(ticket + 1, now)
  if call('ZADD', QUEUE, 'NX', number, TOKEN) ~= 1 then return nil end
  ticket = number
  local first, since, interval = watch == 0, math.abs(now - watch), math.max(MIN_INTERVAL, waited / 8)
  local watches = first or since >= interval
  if watches then watch = ticket end
  redis.call('HSET', STATE, 'ticket', pack_ticket())
  if first then
    redis.call('PEXPIRE', QUEUE, IDLE_TTL)
    return math.min(next_expiry, now + LEASE)
  end
  if watches then return math.min(next_expiry, now + math.min(LEASE, SECOND)) end
  return now + math.min(LEASE, 1.5 * SECOND + LEASE * since / interval)
end
