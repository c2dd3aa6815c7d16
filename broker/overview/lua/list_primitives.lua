-- Lists the primitives in the index (see register.lua), with who holds them and who waits; changes nothing. It reads
-- keys that it finds in the index, and so cannot declare.
--
-- KEYS  1 index
-- ARGV  1 limit   how many entries of the index to look at
--       2 busy    1: only primitives that are held, waited for, set or not empty, or on which names are alive; 0: all
--       3 cursor  '-inf', or what an earlier call returned
-- Returns {now, cursor, primitive, …}; cursor is '' after the last entry. A primitive is its key and
--       of a lock or semaphore  {capacity, holders, waiters}, as list_permits.lua
--       of a queue or a pipe    {maxsize, items, holders, getters, putters}
--       of a condition          {waiters}, of those that wait to be notified
--       of a barrier            {parties, waiters}
--       of an event             {set, number of connections that wait, waiters}, as event_waiters.lua
--       of a board              {name, …}, those that are alive
--       of a managed container  {number of items}; they are never busy, as values are not
--       of a value or an array  {type}; they are never busy, but the lock of one may be
local INDEX, LIMIT, ONLY_BUSY, CURSOR = KEYS[1], tonumber(ARGV[1]), ARGV[2] == '1', ARGV[3]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
-- include engine/lua/list_permits.lua
-- include locks/lua/event_waiters.lua
-- include engine/lua/meta_fields.lua

-- Each returns nil if the state has expired, else what the reply contains, and whether the primitive is busy.
local function read_permits(key)
  local capacity = redis.call('HGET', key, 'capacity')
  if not capacity then return nil end
  local idle = redis.call('HLEN', key) == META_FIELDS and capacity ~= '0' -- nobody waits while a permit is free
  if idle then return { capacity, {}, {} }, false end
  local holders, waiters = list_holders(key), list_waiters(key .. ':queue')
  return { capacity, holders, waiters }, #holders + #waiters > 0
end

local function read_items(key)
  if redis.call('EXISTS', key) == 0 then return nil end
  local maxsize = redis.call('HGET', key .. ':slots', 'start') or '0'
  local items, holders = redis.call('LLEN', key .. ':items'), list_holders(key)
  local getters, putters = list_waiters(key .. ':queue'), list_waiters(key .. ':slots:queue')
  return { maxsize, items, holders, getters, putters }, items + #holders + #getters + #putters > 0
end

local function read_barrier(key)
  local parties = redis.call('HGET', key, 'parties')
  if not parties then return nil end
  local waiters = list_waiters(key .. ':waiting')
  return { parties, waiters }, #waiters > 0
end

local function read_condition(key)
  if redis.call('EXISTS', key) == 0 then return nil end
  local waiters = list_waiters(key .. ':waiting')
  return { waiters }, #waiters > 0
end

local function read_event(key)
  local set, generation = unpack(redis.call('HMGET', key, 'set', 'generation'))
  local waiters = list_event_waiters(key .. ':waiters', generation or '0', now)
  if not set and #waiters == 0 then return nil end -- it has no state before the first set() or clear()
  local waiting = redis.call('PUBSUB', 'NUMSUB', key)[2]
  return { set or '0', waiting, waiters }, set == '1' or waiting > 0
end

local function read_board(key)
  local interval = redis.call('HGET', key, 'interval')
  if not interval then return nil end
  local reports = redis.call('ZRANGEBYSCORE', key .. ':reports', now - interval, '+inf')
  local alive = {}
  for _, name in ipairs(reports) do
    if name ~= '' then table.insert(alive, name) end
  end
  return alive, #alive > 0
end

local function read_type(key)
  local type = redis.call('HGET', key, 'type')
  if not type then return nil end
  return { type }, false
end

local function read_list(key)
  if redis.call('EXISTS', key) == 0 then return nil end
  return { redis.call('LLEN', key .. ':items') }, false
end

local function read_mapping(key)
  if redis.call('EXISTS', key) == 0 then return nil end
  return { redis.call('ZCARD', key .. ':order') }, false
end

local READ = {
  lock = read_permits, rlock = read_permits, semaphore = read_permits, bounded = read_permits,
  simple = read_items, queue = read_items, joinable = read_items, pipe = read_items,
  barrier = read_barrier, condition = read_condition, event = read_event, board = read_board,
  value = read_type, array = read_type,
  list = read_list, dict = read_mapping, set = read_mapping, namespace = read_mapping,
}

-- Entries with the score of the last one belong to the same reply, so that the cursor skips none.
local last = redis.call('ZRANGEBYSCORE', INDEX, '(' .. CURSOR, '+inf', 'WITHSCORES', 'LIMIT', LIMIT - 1, 1)[2]
local reply = { now, last or '' }
for _, key in ipairs(redis.call('ZRANGEBYSCORE', INDEX, '(' .. CURSOR, last or '+inf')) do
  local read = READ[string.match(key, '^broker:{(%a+):')]
  local figures, busy
  if read then figures, busy = read(key) end
  if figures and (busy or not ONLY_BUSY) then table.insert(reply, { key, figures }) end
end
return reply
