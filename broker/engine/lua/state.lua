-- The state of a lock or a semaphore, as every script of theirs reads it, and how a permit is granted. handoff.lua
-- says how a waiter gets one, rules.lua what is rarely needed.
--
-- KEYS  1 state  hash  start, capacity, fence, ticket, look, touched (see META), and for each permit that is held
--                      its token -> "fence expiry"
--       2 queue  zset  token -> ticket; the lowest ticket is served next
--       3 ended  zset  token -> when; lost leases and added permits, remembered for requests that are sent again
-- ARGV  1 start  permits that a new semaphore begins with (1: a lock)
--       2 lease  microseconds
--       3 token  "client:number"; what concerns it is published to the channel "broker:client"
--
-- Moments are microseconds of the server's clock. Invariants, true between any two scripts:
--   no token is in the state and in the queue at once;
--   no more permits are held than there are (capacity);
--   while a permit is free, nobody is in the queue;
--   no lease ends before look: leases need reading only from then on.
local STATE, QUEUE, ENDED = KEYS[1], KEYS[2], KEYS[3]
local START, LEASE, TOKEN = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local SECOND, DAY = 1000000, 86400000000
local META = 6 -- fields of the state that are no tokens

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]
local start, capacity, fence, look, touched, mine =
  unpack(redis.call('HMGET', STATE, 'start', 'capacity', 'fence', 'look', 'touched', TOKEN))
if start and tonumber(start) ~= START then return redis.error_reply('MISMATCH ' .. start) end
capacity, fence, look = tonumber(capacity or START), tonumber(fence or 0), tonumber(look or now + DAY)

local function free()
  return capacity + META - redis.call('HLEN', STATE)
end

-- Rises with every grant; the clock takes over where the last fence was lost with the server's data.
local function next_fence()
  return math.max(fence + 1, now)
end

local function grant(token, lease)
  fence, look = next_fence(), math.min(look, now + lease)
  redis.call('HSET', STATE, 'fence', fence, 'look', look, token, string.format('%.0f %.0f', fence, now + lease))
  return fence
end
