-- What is rarely needed: initializing state, expiring leases, granting to several waiters. Needs state.lua and
-- handoff.lua.
-- include engine/lua/register.lua
local RETRY_WINDOW = 300 * SECOND -- longer than any client retries a request
local IDLE_TTL = 7 * DAY / 1000   -- milliseconds after which untouched keys expire

local function initialize()
  if not start then
    redis.call(
      'HSET', STATE, 'start', START, 'capacity', START, 'fence', 0, 'ticket', 0, 'look', next_expiry, 'touched', 0)
  end
  if now - (touched or 0) > DAY then
    redis.call('HSET', STATE, 'touched', now)
    redis.call('PEXPIRE', STATE, IDLE_TTL)
    register()
  end
end

local function record_ended(token)
  redis.call('ZREMRANGEBYSCORE', ENDED, '-inf', now - RETRY_WINDOW)
  redis.call('ZADD', ENDED, now, token)
  redis.call('PEXPIRE', ENDED, IDLE_TTL)
end

-- Never shortens a lease: ACK_TIMEOUT may be longer than a short lease, and others were notified of its expiry.
local function extend_lease(token, permit)
  local number, expiry = string.match(permit, '^(%d+) (%d+)')
  redis.call('HSET', STATE, token, string.format('%s %.0f', number, math.max(expiry, now + LEASE)))
end

local function expire_leases()
  if now < next_expiry then return end
  local fields = redis.call('HGETALL', STATE)
  next_expiry = now + DAY
  for i = 1, #fields, 2 do
    local expiry = tonumber(string.match(fields[i + 1], ' (%d+)'))
    if expiry and expiry <= now then
      redis.call('HDEL', STATE, fields[i])
      record_ended(fields[i])
    elseif expiry then
      next_expiry = math.min(next_expiry, expiry)
    end
  end
  redis.call('HSET', STATE, 'look', next_expiry)
end

-- Grants the free permits to the waiters at the head of the queue; returns whether the queue has a new head. The
-- requester needs no message: it reads the reply of this script.
local function grant_to_waiters(requester)
  local head_changed = false
  while count_free() > 0 do
    local head = redis.call('ZPOPMIN', QUEUE)[1]
    if not head then break end
    if head == requester then grant(head, LEASE) else grant_to_waiter(head) end
    head_changed = true
  end
  return head_changed
end

local function leave_queue(token)
  local rank = redis.call('ZRANK', QUEUE, token)
  if not rank then return false end
  redis.call('ZREM', QUEUE, token)
  if rank == 0 then notify_head() end
  return true
end

local function add_permit()
  capacity = redis.call('HINCRBY', STATE, 'capacity', 1)
  expire_leases()
  if grant_to_waiters() then notify_head() end
end
