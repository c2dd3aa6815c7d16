-- How a waiter gets a permit; needs state.lua.
local ACK_TIMEOUT = math.min(LEASE, SECOND) -- a waiter must acknowledge its grant within this

-- Returns how many clients received the message; 0 proves that the waiter is gone.
local function notify(token, number, expiry)
  local channel = 'broker:' .. string.match(token, '^[^:]+')
  return redis.call('PUBLISH', channel, string.format('%s %.0f %.0f', token, number, expiry))
end

-- Grants a free permit to a waiter that is no longer in the queue, where it has had this ticket; returns false if the
-- waiter is gone.
local function grant_to_waiter(token, number)
  if notify(token, next_fence(), now + ACK_TIMEOUT) == 0 then return false end
  waited = now - number
  if number == ticket then watch = 0 end -- it was the last to join, so the queue is empty
  grant(token, ACK_TIMEOUT, 'ticket', pack_ticket())
  return true
end

local function set_watch(number)
  watch = number
  if start then redis.call('HSET', STATE, 'ticket', pack_ticket()) end
end

-- Tells the head of the queue when the next lease expires, so that it checks then; a lease from now at the latest, in
-- case the data is lost meanwhile. Fence 0: this is not a grant. From now on, the head watches the leases.
local function notify_head()
  local head, number = unpack(redis.call('ZRANGE', QUEUE, 0, 0, 'WITHSCORES'))
  while head and notify(head, 0, math.min(next_expiry, now + LEASE)) == 0 do
    redis.call('ZREM', QUEUE, head)
    head, number = unpack(redis.call('ZRANGE', QUEUE, 0, 0, 'WITHSCORES'))
  end
  set_watch(tonumber(number or 0))
end

-- Has the leases watched, now that the waiter with this ticket has left the queue. That costs no message if a waiter
-- behind it checks within a second anyway, since it has joined the queue less than a second ago (see join_queue.lua). If
-- watch lies ahead, the clock was set back.
local function keep_watch(number)
  if watch == 0 and number == ticket then return end
  if watch <= number or watch > now or watch + SECOND < now then notify_head() end
end
