-- What all scripts of a queue share; needs request_permit.lua.
--
-- Each item in the list is a permit for a getter; if the size is limited, each free slot is a permit for a putter. So
-- getters and putters wait, are notified and time out exactly as those that wait for a lock. But a permit is consumed
-- when the item is taken or put, rather than held.
--
-- KEYS  1-3 permits for getters    see state.lua
--       4 items     list
--       5 taken     hash   joinable queues only: token -> item, from get() to task_done()
--       6, 7 past   hash   client -> "number item", its last put or get, in case it is retried; or "number+", and
--                          "client:number" -> item, if the item is large, until confirm_get.lua. Time is divided into
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
local KEPT_SIZE = 16384 -- bytes; a larger item is kept only until its getter has confirmed it, see messages/items.py
local PERIOD = math.floor(now / RETRY_WINDOW)
local RESULTS, PREVIOUS_RESULTS = KEYS[6 + PERIOD % 2], KEYS[7 - PERIOD % 2]

-- Makes the functions of state.lua, handoff.lua, maintenance.lua and request_permit.lua work on the permits whose keys
-- begin at KEYS[first]. (As a function in state.lua, it would be created in each call of a lock's scripts, too.)
local function select_permits(first, initial)
  STATE, QUEUE, ENDED, START = KEYS[first], KEYS[first + 1], KEYS[first + 2], initial
  start, capacity, fence, next_expiry, touched, ticket, own_permit =
    unpack(redis.call('HMGET', STATE, 'start', 'capacity', 'fence', 'look', 'touched', 'ticket', TOKEN))
  capacity, fence, next_expiry = tonumber(capacity or START), tonumber(fence or 0), tonumber(next_expiry or now + DAY)
  touched = tonumber(touched or 0)
  ticket, watch, waited = parse_ticket(ticket)
end

local function select_slots()
  select_permits(8, MAXSIZE)
end

local function select_items()
  select_permits(1, 0)
end

local initialize_permits = initialize
initialize = function()
  if now - touched > DAY then
    redis.call('PEXPIRE', ITEMS, IDLE_TTL)
    redis.call('PEXPIRE', TAKEN, IDLE_TTL)
  end
  initialize_permits()
end

-- Returns nil if there is a permit for this request, else request_permit()'s reply to a request that has to wait.
local function await_permit()
  initialize()
  if own_permit or (now < next_expiry and now >= touched and count_free() > 0) then return nil end
  local reply = request_permit(WAIT)
  if type(reply) == 'table' then return reply end
  own_permit = true
end

local function consume_permit()
  if own_permit then redis.call('HDEL', STATE, TOKEN) end
  capacity = redis.call('HINCRBY', STATE, 'capacity', -1)
end

local unconfirmed -- the field of the large item that this client got last, once find_result has found it

-- Returns the item if this request has already got one; '' if it has already put one, if a get was withdrawn, or if its
-- client has sent a later request; '-' if a put was withdrawn; nil if it was not carried out.
local function find_result()
  local last = redis.call('HGET', RESULTS, CLIENT) or redis.call('HGET', PREVIOUS_RESULTS, CLIENT)
  local number, kind, item = string.match(last or '', '^(%d+)([ +])(.*)$')
  if kind == '+' then unconfirmed = CLIENT .. ':' .. number end
  if not number or tonumber(number) < tonumber(NUMBER) then return nil end
  if number ~= NUMBER then return '' end
  if kind == ' ' then return item end
  return redis.call('HGET', RESULTS, unconfirmed) or redis.call('HGET', PREVIOUS_RESULTS, unconfirmed) or ''
end

-- Replaces the record of the client's last request.
local function save_result(item)
  if unconfirmed then
    redis.call('HDEL', RESULTS, unconfirmed)
    redis.call('HDEL', PREVIOUS_RESULTS, unconfirmed)
  end
  local added
  if #item > KEPT_SIZE then
    added = redis.call('HSET', RESULTS, CLIENT, NUMBER .. '+', CLIENT .. ':' .. NUMBER, item)
  else
    added = redis.call('HSET', RESULTS, CLIENT, NUMBER .. ' ' .. item)
  end
  if added == 0 then return end
  redis.call('HDEL', PREVIOUS_RESULTS, CLIENT)
  if redis.call('HLEN', RESULTS) == added then
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
