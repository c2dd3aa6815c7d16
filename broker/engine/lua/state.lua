-- The state of a lock or a semaphore, which each of its scripts reads first, and how a permit is granted. handoff.lua
-- grants permits to waiters; maintenance.lua holds what is rarely needed.
--
-- KEYS  1 state  hash  start, created, capacity, fence, ticket, look, touched (see META_FIELDS), and one field for each held
--                      permit: token -> "fence expiry lease"
--       2 queue  zset  token -> ticket; the lowest is granted first (see join_queue)
--       3 ended  zset  token -> when; lost leases and added permits, kept so that retried requests are recognized; and
--                      "withdrawn token" of requests that are refused from then on (see refuse_copies)
--       last     the index of all primitives, see register.lua; only in scripts that call initialize
-- ARGV  1 start  initial number of permits (1: a lock)
--       2 lease  microseconds
--       3 token  "client:number/thread"; its messages are published on the channel "broker:client"
--
-- Times are microseconds of the server's clock. Invariants between any two scripts:
--   no token is both in the state and in the queue;
--   at most as many permits are held as there are (capacity);
--   while a permit is free, the queue is empty;
--   no lease expires before look, so the leases need not be read before then;
--   watch is 0 if the queue is empty, else the ticket of a waiter in the queue that watches the leases (see handoff.lua);
--   no lease expires later than after its duration, unless the clock was set back (see expire_leases);
--   ended need not be read from touched on: until then, it may contain lost leases and withdrawn requests.
local STATE, QUEUE, ENDED = KEYS[1], KEYS[2], KEYS[3]
local START, LEASE, TOKEN = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local SECOND, DAY = 1000000, 86400000000
-- include engine/lua/meta_fields.lua
local IDLE_TTL = 7 * DAY / 1000  -- milliseconds after which untouched keys expire

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]
local start, capacity, fence, next_expiry, touched, ticket, own_permit =
  unpack(redis.call('HMGET', STATE, 'start', 'capacity', 'fence', 'look', 'touched', 'ticket', TOKEN))
if start and tonumber(start) ~= START then return redis.error_reply('MISMATCH ' .. start) end
capacity, fence, next_expiry = tonumber(capacity or START), tonumber(fence or 0), tonumber(next_expiry or now + DAY)
touched = tonumber(touched or 0)

-- Returns the last ticket, watch, and for how long the last waiter that was granted a permit had waited: what is in the field
-- ticket of the state. That is only the ticket if nobody waits. It must not look like a permit.
local function parse_ticket(field)
  local number = tonumber(field or 0)
  if number then return number, 0, 0 end
  local last, watch, waited = string.match(field, '^(%d+)/(%d+)/(%-?%d+)$')
  return tonumber(last), tonumber(watch), tonumber(waited)
end

local watch, waited
ticket, watch, waited = parse_ticket(ticket)

local function pack_ticket()
  return watch == 0 and ticket or string.format('%.0f/%.0f/%.0f', ticket, watch, waited)
end

local function count_free()
  return capacity + META_FIELDS - redis.call('HLEN', STATE)
end

-- Rises with every grant, also when the last fence was lost with the server's data: the clock has advanced since then.
local function next_fence()
  return math.max(fence + 1, now)
end

-- Further fields of the state may follow, with their values.
local function grant(token, lease, ...)
  fence, next_expiry = next_fence(), math.min(next_expiry, now + lease)
  local permit = string.format('%.0f %.0f %.0f', fence, now + lease, lease)
  redis.call('HSET', STATE, 'fence', fence, 'look', next_expiry, token, permit, ...)
  return fence
end
