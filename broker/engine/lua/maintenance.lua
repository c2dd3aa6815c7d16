-- What is rarely needed: initializing state, expiring leases, granting to several waiters. Needs state.lua and
-- handoff.lua.
-- include engine/lua/register.lua
local RETRY_WINDOW = 300 * SECOND -- longer than any client retries a request

local function initialize()
  if not start then
    start = START
    redis.call(
      'HSET', STATE, 'start', START, 'created', now, 'capacity', START, 'fence', 0, 'ticket', 0, 'look', next_expiry,
      'touched', 0)
  end
  if now - touched > DAY or touched - now > RETRY_WINDOW then -- the latter if the clock was set back
    touched = now + RETRY_WINDOW * redis.call('EXISTS', ENDED) -- requests may have been withdrawn without a state
    redis.call('HSET', STATE, 'touched', touched)
    redis.call('PEXPIRE', STATE, IDLE_TTL)
    redis.call('PEXPIRE', QUEUE, IDLE_TTL)
    register()
  end
end

local function record_ended(token)
  redis.call('ZREMRANGEBYSCORE', ENDED, '-inf', now - RETRY_WINDOW)
  redis.call('ZADD', ENDED, now, token)
  redis.call('PEXPIRE', ENDED, RETRY_WINDOW / 1000)
end

-- Refuses the request from now on: it was sent more than once, or given up, so a copy of it may still be under way.
-- Without this, the copy would take a permit for nobody.
local function refuse_copies(token)
  record_ended('withdrawn ' .. (token or TOKEN))
  if start then
    touched = now + RETRY_WINDOW
    redis.call('HSET', STATE, 'touched', touched)
  end
end

-- Returns expiry, duration and fence of a permit, and whether its expiry is too far away; nil if the field of the state is
-- none of a permit. A lease has at most its duration left. If it seems to have more, the clock was set back since it was
-- granted or renewed; then it has its duration from now.
local function parse_permit(field)
  local number, expiry, lease = string.match(field, '^(%d+) (%d+) (%d+)$')
  if not number then return nil end
  local latest = now + lease
  return math.min(expiry, latest), tonumber(lease), number, tonumber(expiry) > latest
end

-- Replaces a permit. If the server's memory is full, it accepts that only after a write that cannot need more.
local function write_permit(token, number, expiry, lease)
  local permit = string.format('%s %.0f %.0f', number, expiry, lease)
  if type(redis.pcall('HSET', STATE, token, permit)) == 'number' then return end
  redis.call('HDEL', STATE, token)
  redis.call('HSET', STATE, token, permit)
end

-- Never shortens a lease: ACK_TIMEOUT may be longer than a short lease, and others were notified of its expiry.
local function extend_lease(token, permit)
  local expiry, _, number = parse_permit(permit)
  expiry = math.max(expiry, now + LEASE)
  write_permit(token, number, expiry, expiry - now)
  if expiry < next_expiry then -- the clock was set back
    next_expiry = expiry
    redis.call('HSET', STATE, 'look', next_expiry)
  end
end

-- Are the leases to be read? If the earliest seems to expire in more than the requester's own lease, the clock may have
-- been set back.
local function must_read_leases()
  if now >= next_expiry then return true end
  return next_expiry > now + math.max(LEASE, SECOND) and redis.call('HLEN', STATE) > META_FIELDS
end

local function expire_leases()
  if not must_read_leases() then return end
  local fields = redis.call('HGETALL', STATE)
  next_expiry = now + DAY
  for i = 1, #fields, 2 do
    local expiry, lease, number, too_far = parse_permit(fields[i + 1])
    if expiry and expiry <= now then
      redis.call('HDEL', STATE, fields[i])
      record_ended(fields[i])
      touched = now + RETRY_WINDOW
    elseif expiry then
      if too_far then write_permit(fields[i], number, expiry, lease) end
      next_expiry = math.min(next_expiry, expiry)
    end
  end
  redis.call('HSET', STATE, 'look', next_expiry, 'touched', touched)
end

-- Grants the free permits to the waiters at the head of the queue. The requester needs no message: it reads the reply of
-- this script.
local function grant_to_waiters(requester)
  local last
  while count_free() > 0 do
    local head, number = unpack(redis.call('ZPOPMIN', QUEUE))
    if not head then break end
    last = tonumber(number)
    if head == requester then grant(head, LEASE) else grant_to_waiter(head, last) end
  end
  if last then keep_watch(last) end
end

local function leave_queue(token)
  local number = redis.call('ZSCORE', QUEUE, token)
  if not number then return false end
  redis.call('ZREM', QUEUE, token)
  if tonumber(number) == watch then notify_head() end
  return true
end

local function add_permit()
  capacity = redis.call('HINCRBY', STATE, 'capacity', 1)
  expire_leases()
  grant_to_waiters()
end
