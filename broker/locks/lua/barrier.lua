-- What all scripts of a barrier share.
--
-- KEYS  1 state     hash  parties, created, generation, broken (why), acting (token of the party that runs the action),
--                         free (places of parties that have left), touched, ended (the last generations before this one)
--       2 waiting   zset  token -> when it arrived, of the parties of this generation
--       3 leases    zset  token -> when its lease expires
--       4 entering  zset  token -> when; parties that come while the action runs, and arrive after it
--       5 failed    zset  "generation why" -> generation; of the last day
--       6 done      zset  token -> when; calls of abort() and reset(), so that a retried one has no effect
--       7, 8 past   hash  client -> "number generation place", its last arrival, in case it is retried. Time is divided
--                         into periods, and the two keys alternate from one period to the next
--       9 index     of all primitives, see register.lua
-- ARGV  1 parties
--       2 lease     microseconds
--       3 token     "client:number/thread"; its messages are published on the channel "broker:client"
--
-- A reason is "how token": lost, timeout, aborted, action, left or reset, and whose; or "data".
local STATE, WAITING, LEASES, ENTERING, FAILED, DONE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local PARTIES, LEASE, TOKEN = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local SECOND, DAY = 1000000, 86400000000
local RETRY_WINDOW = 300 * SECOND -- longer than any client retries a request
local IDLE_TTL = 7 * DAY / 1000   -- milliseconds after which untouched keys expire
local MAX_ENDED = 64 * 17         -- characters: generations that are remembered, with a space after each

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]
local parties, created, generation, broken, acting, free, touched, ended =
  unpack(redis.call('HMGET', STATE, 'parties', 'created', 'generation', 'broken', 'acting', 'free', 'touched', 'ended'))
if parties and tonumber(parties) ~= PARTIES then return redis.error_reply('MISMATCH ' .. parties) end

local CLIENT, NUMBER = string.match(TOKEN, '^(.*):(%d+)')
local PERIOD = math.floor(now / RETRY_WINDOW)
local ARRIVALS, PREVIOUS_ARRIVALS = KEYS[7 + PERIOD % 2], KEYS[8 - PERIOD % 2]
-- include engine/lua/register.lua

-- A generation is the time in microseconds, or one more than the last; so it rises, also if the data was lost.
local function begin_generation()
  ended = string.sub(generation and (ended or '') .. generation .. ' ' or '', -MAX_ENDED)
  generation = string.format('%.0f', math.max((generation or 0) + 1, now))
  redis.call('HSET', STATE, 'generation', generation, 'ended', ended)
  if acting or free then redis.call('HDEL', STATE, 'acting', 'free') end
  redis.call('UNLINK', WAITING, LEASES)
  acting, free = false, false
end

local function initialize()
  if not created then
    created = now
    redis.call('HSET', STATE, 'parties', PARTIES, 'created', created)
    begin_generation()
  end
  if now - (touched or 0) > DAY then
    redis.call('HSET', STATE, 'touched', now)
    redis.call('PEXPIRE', STATE, IDLE_TTL)
    register()
  end
end

-- Tells the parties that the generation is complete, or, with 0, that they are to ask. The requester reads the reply.
local function tell(key, number)
  for _, token in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    if token ~= TOKEN then
      redis.call('PUBLISH', 'broker:' .. string.match(token, '^[^:]+'), token .. ' ' .. number)
    end
  end
end

local function admit_entering()
  tell(ENTERING, '0')
  redis.call('UNLINK', ENTERING)
end

local function complete()
  tell(WAITING, generation)
  if acting then admit_entering() end
  begin_generation()
end

local function record_failure(why)
  redis.call('ZREMRANGEBYSCORE', FAILED, '-inf', string.format('%.0f', now - DAY))
  redis.call('ZADD', FAILED, generation, generation .. ' ' .. why)
  redis.call('PEXPIRE', FAILED, DAY / 1000)
  tell(WAITING, '0')
end

local function break_barrier(why)
  record_failure(why)
  broken = why
  redis.call('HSET', STATE, 'broken', why)
  redis.call('HDEL', STATE, 'acting', 'free')
  redis.call('UNLINK', WAITING, LEASES)
  admit_entering()
end

-- A party whose lease has expired is lost: it breaks the barrier.
local function expire_parties()
  local lost = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, 1)[1]
  if lost and not broken then break_barrier('lost ' .. lost) end
end

-- Returns the request's own arrival, if it is repeated: its generation, which is '-' if it has left, and its place. Nil
-- if it is new. Third, whether its client has sent a later one.
local arrivals_expire = false -- whether the key is known to have an expiry
local function find_arrival()
  local last = redis.call('HGET', ARRIVALS, CLIENT)
  arrivals_expire = last ~= false
  last = last or redis.call('HGET', PREVIOUS_ARRIVALS, CLIENT) or ''
  local number, arrived, place = string.match(last, '^(%d+) (%S+) (%d+)$')
  if number == NUMBER then return arrived, place, false end
  return nil, nil, number and tonumber(number) > tonumber(NUMBER)
end

local function record_arrival(arrived, place)
  redis.call('HSET', ARRIVALS, CLIENT, NUMBER .. ' ' .. arrived .. ' ' .. place)
  if arrivals_expire then return end
  redis.call('PEXPIREAT', ARRIVALS, (PERIOD + 2) * RETRY_WINDOW / 1000 - 1) -- just before the key is used again
end

local function next_expiry()
  return tonumber(redis.call('ZRANGE', LEASES, 0, 0, 'WITHSCORES')[2] or now + LEASE)
end

local BROKEN, FILLING, COMPLETE, ACTING, BUSY = -1, 0, 1, 2, 3

-- Has the server lost the arrival, with all of its data or with the last of it? Then it is unknown what became of its
-- generation. Others may have begun since, so it is looked for among those that have ended.
local function is_lost(arrived)
  if arrived == generation then return not broken and not redis.call('ZSCORE', WAITING, TOKEN) end
  if tonumber(arrived) < tonumber(created) or tonumber(arrived) > tonumber(generation) then return true end
  local oldest = tonumber(string.match(ended, '^%d+') or generation)
  return tonumber(arrived) >= oldest and not string.find(ended, arrived .. ' ', 1, true)
end

-- Returns what has become of an arrival: {BROKEN, why}, or {state, generation, place, now, next expiry}.
local function outcome(arrived, place)
  if is_lost(arrived) then
    if not broken then break_barrier('data') end
    return { BROKEN, 'data' }
  end
  if arrived == generation and broken then return { BROKEN, broken } end
  local failure = redis.call('ZRANGEBYSCORE', FAILED, arrived, arrived)[1]
  if failure then return { BROKEN, string.match(failure, ' (.*)$') } end
  local state = arrived ~= generation and COMPLETE or acting == TOKEN and ACTING or FILLING
  return { state, tonumber(arrived), tonumber(place), now, next_expiry() }
end

local function is_first_call()
  local added = redis.call('ZADD', DONE, 'NX', now, TOKEN)
  redis.call('ZREMRANGEBYSCORE', DONE, '-inf', string.format('%.0f', now - RETRY_WINDOW))
  redis.call('PEXPIRE', DONE, RETRY_WINDOW / 1000)
  return added == 1
end
