-- What is rarely needed: new, expired and abandoned state. state.lua and handoff.lua come before it.
local REMEMBER = 300 * SECOND -- longer than any client goes on sending a request again
local IDLE = 7 * DAY / 1000   -- milliseconds after which untouched keys expire

local function open()
  if not start then
    redis.call('HSET', STATE, 'start', START, 'capacity', START, 'fence', 0, 'ticket', 0, 'look', look, 'touched', 0)
  end
  if now - (touched or 0) > DAY then
    redis.call('HSET', STATE, 'touched', now)
    redis.call('PEXPIRE', STATE, IDLE)
  end
end

local function remember(token)
  redis.call('ZREMRANGEBYSCORE', ENDED, '-inf', now - REMEMBER)
  redis.call('ZADD', ENDED, now, token)
  redis.call('PEXPIRE', ENDED, IDLE)
end

-- Never ends a lease earlier: probation may be longer than a short lease, and others were told when it ends.
local function extend(token, fields)
  local number, expiry = string.match(fields, '^(%d+) (%d+)')
  redis.call('HSET', STATE, token, string.format('%s %.0f', number, math.max(expiry, now + LEASE)))
end

local function reap()
  if now < look then return end
  local fields = redis.call('HGETALL', STATE)
  look = now + DAY
  for i = 1, #fields, 2 do
    local expiry = tonumber(string.match(fields[i + 1], ' (%d+)'))
    if expiry and expiry <= now then
      redis.call('HDEL', STATE, fields[i])
      remember(fields[i])
    elseif expiry then
      look = math.min(look, expiry)
    end
  end
  redis.call('HSET', STATE, 'look', look)
end

-- Hands free permits to those who have waited longest; returns whether the queue has a new head. The asker needs no
-- message: it reads this script's reply.
local function serve(asker)
  local moved = false
  while free() > 0 do
    local head = redis.call('ZPOPMIN', QUEUE)[1]
    if not head then break end
    if head == asker then grant(head, LEASE) else offer(head) end
    moved = true
  end
  return moved
end

local function leave(token)
  local rank = redis.call('ZRANK', QUEUE, token)
  if not rank then return false end
  redis.call('ZREM', QUEUE, token)
  if rank == 0 then tell_head() end
  return true
end

local function add_permit()
  capacity = redis.call('HINCRBY', STATE, 'capacity', 1)
  reap()
  if serve() then tell_head() end
end
