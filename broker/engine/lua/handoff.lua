-- How a waiter gets its permit; state.lua comes before it.
local PROBATION = math.min(LEASE, SECOND) -- within this a waiter must react to its grant

-- Returns how many clients the message reached; 0 proves that the waiter is gone.
local function tell(token, number, expiry)
  local channel = 'broker:' .. string.match(token, '^(.*):')
  return redis.call('PUBLISH', channel, string.format('%s %.0f %.0f', token, number, expiry))
end

-- Grants a free permit to a waiter that has left the queue; returns whether it is there to take it.
local function offer(token)
  if tell(token, next_fence(), now + PROBATION) == 0 then return false end
  grant(token, PROBATION)
  return true
end

-- The head of the queue watches over the leases before it. Fence 0 is no grant: it says when to look.
local function tell_head()
  local head = redis.call('ZRANGE', QUEUE, 0, 0)[1]
  while head and tell(head, 0, look) == 0 do
    redis.call('ZREM', QUEUE, head)
    head = redis.call('ZRANGE', QUEUE, 0, 0)[1]
  end
end
