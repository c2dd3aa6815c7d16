-- Releases the lock and waits for a notification, in one step; or says where a request that was sent before is now. A
-- request may be repeated with the same token.
--
-- KEYS  see condition.lua
-- ARGV  1-3 see state.lua; the token is that of the wait, and under it the lock will be held
--       4 join    not used
--       5 phase   1: wait for a notification; 0: there was one, only the lock is waited for; 2: there was none, or it has
--                 been passed on
--       6 held    token under which the lock is held, to be released; '' when it is known to be released
--       7 refuse  1: a copy of the request that acquired the lock under that token may be under way
--       8 since   the server's time at the first reply to this wait; 0 before
-- Returns as request_permit.lua; while it waits for a notification, the rank is that among the condition's waiters.
--         Error LOST: the lease of the held token had ended; PASSED: in phase 0, the notification was passed on
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/join_queue.lua
-- include engine/lua/request_permit.lua
-- include locks/lua/condition.lua
local PHASE, HELD, REFUSE, SINCE = ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local lock, created, condition_touched = unpack(redis.call('HMGET', CONDITION, 'lock', 'created', 'touched'))
if lock and lock ~= KEYS[1] then return redis.error_reply('MISMATCH ' .. lock) end

local function initialize_condition()
  if not created then redis.call('HSET', CONDITION, 'lock', KEYS[1], 'created', now, 'ticket', 0) end
  if now - tonumber(condition_touched or 0) > DAY then
    redis.call('HSET', CONDITION, 'touched', now)
    redis.call('PEXPIRE', CONDITION, IDLE_TTL)
    redis.call('ZADD', KEYS[#KEYS], now, CONDITION)
    redis.call('ZREMRANGEBYSCORE', NOTIFIED, '-inf', string.format('%.0f', now - DAY)) -- their owners are dead
  end
end

local function request_lock()
  redis.call('ZREM', WAITING, TOKEN)
  own_permit = redis.call('HGET', STATE, TOKEN)
  local reply = request_permit(true)
  if type(reply) == 'number' then redis.call('ZREM', NOTIFIED, TOKEN) end
  return reply
end

local function is_for_the_lock()
  return redis.call('ZSCORE', NOTIFIED, TOKEN) or redis.call('ZSCORE', QUEUE, TOKEN)
    or redis.call('HGET', STATE, TOKEN)
end

local function wait_since(ticket)
  redis.call('ZADD', WAITING, ticket, TOKEN)
end

initialize()
if now < touched and redis.call('ZSCORE', ENDED, 'withdrawn ' .. TOKEN) then return redis.error_reply('WITHDRAWN') end
expire_leases()
if PHASE == '0' and redis.call('ZSCORE', ENDED, 'passed on ' .. TOKEN) then
  return redis.error_reply('PASSED the notification is that of another waiter')
end
if PHASE ~= '1' or is_for_the_lock() then return request_lock() end
if not redis.call('ZSCORE', WAITING, TOKEN) then
  if HELD ~= '' and redis.call('HGET', STATE, HELD) then
    initialize_condition()
    wait_since(next_ticket())
    redis.call('HDEL', STATE, HELD)
    redis.call('ZREM', NOTIFIED, HELD) -- it was confirmed, but the message may be lost
    if REFUSE == '1' then refuse_copies(HELD) end
  elseif HELD ~= '' and not redis.call('ZSCORE', ENDED, TOKEN) then
    return redis.error_reply('LOST the lease has ended') -- Redis 7 puts ERR before an error of one word
  else -- it was skipped, or has not acknowledged its grant, or the data are lost
    initialize_condition()
    local is_new = not created or tonumber(created) > SINCE
    if SINCE > 0 and is_new then return request_lock() end -- a notification may be lost with the data
    redis.call('ZREM', ENDED, 'passed on ' .. TOKEN) -- it may be notified again
    wait_since(SINCE > 0 and SINCE or next_ticket())
  end
else
  initialize_condition() -- waiting is use
end
redis.call('PEXPIRE', WAITING, IDLE_TTL)
pass_on()
serve_queue(TOKEN)
if is_for_the_lock() then return request_lock() end
return { now, now + LEASE, redis.call('ZRANK', WAITING, TOKEN), fence }
