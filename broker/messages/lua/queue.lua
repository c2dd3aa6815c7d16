-- What all scripts of a queue share; needs request_permit.lua.
--
-- Each item in the list is a permit for a getter; if the size is limited, each free slot is a permit for a putter. So
-- getters and putters wait, are notified and time out exactly as those that wait for a lock. But a permit is consumed
-- when the item is taken or put, rather than held.
--
-- KEYS  1-3 permits for getters    see state.lua
--       4 items     list
--       5 taken     hash   joinable queues only: token -> item, from get() to task_done()
--       6, 7 past   hash   client -> "number item", its last put or get, in case it is retried. Time is divided into
--                          periods, and the two keys alternate from one period to the next
--       8-10 permits for putters
--       last the index of all primitives, see register.lua; only in scripts that call initialize
-- ARGV  1-3         see state.lua; start is 0, the number of items in a new queue
--       4 wait      1: join the waiters; 0: succeed now or leave them
--       5 maxsize   0: unlimited
--
-- Invariants between any two scripts:
--   the capacity for getters is the number of items in the list and in the hash;
--   the capacity for putters is maxsize minus the number of items in the list, negative if items were returned to a
--   full queue.
local ITEMS, TAKEN = KEYS[4], KEYS[5]
local WAIT, MAXSIZE = ARGV[4] == '1', tonumber(ARGV[5])
local CLIENT, NUMBER = string.match(TOKEN, '^(.*):(%d+)')
local PERIOD = math.floor(now / RETRY_WINDOW)
local RESULTS, PREVIOUS_RESULTS = KEYS[6 + PERIOD % 2], KEYS[7 - PERIOD % 2]

-- Makes the functions of state.lua, handoff.lua, maintenance.lua and request_permit.lua work on the permits whose keys
-- begin at KEYS[first]. (As a function in state.lua, it would be created in each call of a lock's scripts, too.)
local function select_permits(first, initial)
  STATE, QUEUE, ENDED, START = KEYS[first], KEYS[first + 1], KEYS[first + 2], initial
  start, capacity, fence, next_expiry, touched, own_permit =
    unpack(redis.call('HMGET', STATE, 'start', 'capacity', 'fence', 'look', 'touched', TOKEN))
  capacity, fence, next_expiry = tonumber(capacity or START), tonumber(fence or 0), tonumber(next_expiry or now + DAY)
end

local function select_slots()
  select_permits(8, MAXSIZE)
end

local function select_items()
  select_permits(1, 0)
end

local initialize_permits = initialize
initialize = function()
  if now - (touched or 0) > DAY then
    redis.call('PEXPIRE', ITEMS, IDLE_TTL)
    redis.call('PEXPIRE', TAKEN, IDLE_TTL)
  end
  initialize_permits()
end

-- Returns nil if a permit was consumed, else request_permit()'s reply to a request that has to wait.
local function consume_permit()
  initialize()
  if own_permit or now >= next_expiry or count_free() <= 0 then
    local reply = request_permit(WAIT)
    if type(reply) == 'table' then return reply end
    redis.call('HDEL', STATE, TOKEN)
  end
  capacity = redis.call('HINCRBY', STATE, 'capacity', -1)
end

-- Returns the item if this request has already got one; '' if it has already put one, or if its client has sent a later
-- request; nil if it was not carried out.
local function find_result()
  local last = redis.call('HGET', RESULTS, CLIENT) or redis.call('HGET', PREVIOUS_RESULTS, CLIENT)
  local number, item = string.match(last or '', '^(%d+) (.*)$')
  if not number or tonumber(number) < tonumber(NUMBER) then return nil end
  return number == NUMBER and item or ''
end

local function save_result(item)
  if redis.call('HSET', RESULTS, CLIENT, NUMBER .. ' ' .. item) == 1 and redis.call('HLEN', RESULTS) == 1 then
    redis.call('PEXPIREAT', RESULTS, (PERIOD + 2) * RETRY_WINDOW / 1000 - 1) -- just before the key is used again
  end
end

local function return_to_front(item)
  redis.call('LPUSH', ITEMS, item)
  redis.call('PEXPIRE', ITEMS, IDLE_TTL)
  if MAXSIZE > 0 then redis.call('HINCRBY', KEYS[8], 'capacity', -1) end
end

-- When a getter's lease has expired, its item is available to the next getter.
local record_ended_token = record_ended
record_ended = function(token)
  record_ended_token(token)
  local item = redis.call('HGET', TAKEN, token)
  if item then
    redis.call('HDEL', TAKEN, token)
    return_to_front(item)
  end
end
