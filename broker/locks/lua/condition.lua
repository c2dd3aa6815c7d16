-- What all scripts of a condition share: who waits, who has been notified, and how a notification is passed on. Needs
-- state.lua, handoff.lua and maintenance.lua, for its lock.
--
-- KEYS  1-3 of the lock, see state.lua
--       4 condition  hash  lock (key of its state), created, ticket, last (token and number of the last notify), touched
--       5 waiting    zset  token -> ticket, as in a lock's queue; the lowest is notified first
--       6 notified   zset  token -> ticket, of those that were notified and have not confirmed that they hold the lock
--       7 index      of all primitives, see register.lua
local CONDITION, WAITING, NOTIFIED = KEYS[4], KEYS[5], KEYS[6]
local has_new_head = false -- whether the lock's queue has a head that was not told when to check

-- Later than those of all that wait.
local function latest_ticket()
  return math.max((redis.call('HGET', CONDITION, 'ticket') or 0) + 1, now)
end

local function next_ticket()
  local ticket = latest_ticket()
  redis.call('HSET', CONDITION, 'ticket', ticket)
  return ticket
end

local function is_reachable(token)
  return redis.call('PUBSUB', 'NUMSUB', 'broker:' .. string.match(token, '^[^:]+'))[2] > 0
end

-- Moves a waiter to the end of the lock's queue; `notification` is the ticket of its notification. It checks when it is the
-- head and is told to, so it does not watch the leases before (see join_queue.lua).
local function notify_waiter(token, notification)
  ticket = math.max(ticket + 1, now)
  if watch == 0 then watch = ticket end
  redis.call('HSET', STATE, 'ticket', pack_ticket())
  redis.call('ZREM', WAITING, token)
  redis.call('ZADD', NOTIFIED, notification, token)
  redis.call('ZADD', QUEUE, ticket, token)
  redis.call('PEXPIRE', NOTIFIED, IDLE_TTL)
  redis.call('PEXPIRE', QUEUE, IDLE_TTL)
  has_new_head = has_new_head or redis.call('ZRANK', QUEUE, token) == 0
end

-- Notifies the first waiters, up to `count`, of those that have waited since before `ticket`; returns how many. Those
-- that can be reached come first. If there are enough, those that were passed over are dropped; one of them may live and
-- ask again: it is recorded, so that it is known then. If there are not, all may live: after a restart of the server,
-- they have to connect again. They are notified, too, unless `must_be_reachable`.
local function notify_waiters(count, ticket, must_be_reachable)
  local notified, unreachable = 0, {}
  local earlier = string.format('(%.0f', ticket)
  while notified < count do
    local token = redis.call('ZRANGEBYSCORE', WAITING, '-inf', earlier, 'LIMIT', #unreachable, 1)[1]
    if not token then break end
    if is_reachable(token) then
      notify_waiter(token, ticket)
      notified = notified + 1
    else
      table.insert(unreachable, token)
    end
  end
  local are_enough = notified == count
  for _, token in ipairs(unreachable) do
    if are_enough then
      redis.call('ZREM', WAITING, token)
      record_ended(token)
    elseif notified < count and not must_be_reachable then
      notify_waiter(token, ticket)
      notified = notified + 1
    end
  end
  return notified
end

-- Passes on the notifications of those that neither queue for the lock nor hold it: they are dead, or paused, or have
-- to connect again. One that nobody else can get now is kept for its owner.
local function pass_on()
  local notified = redis.call('ZRANGE', NOTIFIED, 0, -1, 'WITHSCORES')
  for i = 1, #notified, 2 do
    local token, ticket = notified[i], tonumber(notified[i + 1])
    local on_its_way = redis.call('ZSCORE', QUEUE, token) or redis.call('HGET', STATE, token)
    if not on_its_way and notify_waiters(1, ticket, true) == 1 then
      redis.call('ZREM', NOTIFIED, token)
      record_ended(token)
      record_ended('passed on ' .. token)
    end
  end
end

-- Grants the lock if it is free. The requester needs no message: it reads the reply of this script.
local function serve_queue(requester)
  grant_to_waiters(requester)
  if has_new_head then notify_head() end
end
