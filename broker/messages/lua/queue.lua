-- What the scripts of a queue share; ask.lua comes before it.
--
-- A getter uses up a permit of the items; a putter, where the size is limited, one of the slots. So both wait, are
-- told and lose their turn exactly as those who wait for a lock.
--
-- KEYS  1-3 the items' permits   see state.lua
--       4 items     list
--       5 taken     hash   token -> item, until its taker says that it is done; of a joinable queue only
--       6, 7 past   hash   client -> "number item", its last put or get, in case it is sent again; they take turns
--       8-10 the slots' permits
-- ARGV  1-3         see state.lua; start is 0, the number of items in a new queue
--       4 wait      1: queue; 0: succeed now or leave the queue
--       5 maxsize   0: unlimited
--
-- Invariants, true between any two scripts:
--   the items' capacity is the number of items in the list and in the hash;
--   the slots' capacity is maxsize less the number of items in the list, below 0 while items were given back.
local ITEMS, TAKEN = KEYS[4], KEYS[5]
local WAIT, MAXSIZE = ARGV[4] == '1', tonumber(ARGV[5])
local CLIENT, NUMBER = string.match(TOKEN, '^(.*):(%d+)$')
local TURN = math.floor(now / REMEMBER)
local PAST, BEFORE = KEYS[6 + TURN % 2], KEYS[7 - TURN % 2]

-- From here on, state, handoff, rules and ask speak of the permits whose keys begin there. (A function in state.lua
-- would be made for each call of a lock's scripts, too.)
local function turn_to(first, initial)
  STATE, QUEUE, ENDED, START = KEYS[first], KEYS[first + 1], KEYS[first + 2], initial
  start, capacity, fence, look, touched, mine =
    unpack(redis.call('HMGET', STATE, 'start', 'capacity', 'fence', 'look', 'touched', TOKEN))
  capacity, fence, look = tonumber(capacity or START), tonumber(fence or 0), tonumber(look or now + DAY)
end

local function turn_to_slots()
  turn_to(8, MAXSIZE)
end

local function turn_to_items()
  turn_to(1, 0)
end

local open_permits = open
open = function()
  if now - (touched or 0) > DAY then
    redis.call('PEXPIRE', ITEMS, IDLE)
    redis.call('PEXPIRE', TAKEN, IDLE)
  end
  open_permits()
end

-- Returns nothing, or what ask() says to one who has to wait.
local function use_permit()
  open()
  if mine or now >= look or free() <= 0 then
    local answer = ask(WAIT)
    if type(answer) == 'table' then return answer end
    redis.call('HDEL', STATE, TOKEN)
  end
  capacity = redis.call('HINCRBY', STATE, 'capacity', -1)
end

-- Returns the item that this very request got, '' if it put one, or if a later request of its client came before it.
local function recall()
  local last = redis.call('HGET', PAST, CLIENT) or redis.call('HGET', BEFORE, CLIENT)
  local number, item = string.match(last or '', '^(%d+) (.*)$')
  if not number or tonumber(number) < tonumber(NUMBER) then return nil end
  return number == NUMBER and item or ''
end

local function record(item)
  if redis.call('HSET', PAST, CLIENT, NUMBER .. ' ' .. item) == 1 and redis.call('HLEN', PAST) == 1 then
    redis.call('PEXPIREAT', PAST, (TURN + 2) * REMEMBER / 1000 - 1) -- when the next but one begins
  end
end

local function put_back(item)
  redis.call('LPUSH', ITEMS, item)
  redis.call('PEXPIRE', ITEMS, IDLE)
  if MAXSIZE > 0 then redis.call('HINCRBY', KEYS[8], 'capacity', -1) end
end

-- An item whose taker's lease has ended is there for the next getter.
local remember_token = remember
remember = function(token)
  remember_token(token)
  local item = redis.call('HGET', TAKEN, token)
  if item then
    redis.call('HDEL', TAKEN, token)
    put_back(item)
  end
end
