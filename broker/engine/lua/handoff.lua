-- How a waiter gets a permit; needs state.lua.
local ACK_TIMEOUT = math.min(LEASE, SECOND) -- a waiter must acknowledge its grant within this

-- Returns how many clients received the message; 0 proves that the waiter is gone.
local function notify(token, number, expiry)
  local channel = 'broker:' .. string.match(token, '^[^:]+')
  return redis.call('PUBLISH', channel, string.format('%s %.0f %.0f', token, number, expiry))
end

-- Grants a free permit to a waiter that is no longer in the queue; returns false if the waiter is gone.
local function grant_to_waiter(token)
  if notify(token, next_fence(), now + ACK_TIMEOUT) == 0 then return false end
  grant(token, ACK_TIMEOUT)
  return true
end

-- Tells the head of the queue when the next lease expires, so that it checks then; a lease from now at the latest, in
-- case the data is lost meanwhile. Fence 0: this is not a grant.
local function notify_head()
  local head = redis.call('ZRANGE', QUEUE, 0, 0)[1]
  while head and notify(head, 0, math.min(next_expiry, now + LEASE)) == 0 do
    redis.call('ZREM', QUEUE, head)
    head = redis.call('ZRANGE', QUEUE, 0, 0)[1]
  end
end
