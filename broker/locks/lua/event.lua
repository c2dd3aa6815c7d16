-- What all scripts of an event share.
--
-- KEYS  1 state  hash    set (0 or 1); generation, which rises with every set(); touched. Its name is also the channel
--       2 done   zset    token -> when; calls that were carried out, so that a retried one has no effect
--       3 waiters  zset  who waits, see event_waiters.lua and wait_event.lua
--       4 index  of all primitives, see register.lua
-- ARGV  1 token  of one call of set() or clear()
local STATE, DONE, TOKEN = KEYS[1], KEYS[2], ARGV[1]
local SECOND = 1000000
local IDLE_TTL = 7 * 24 * 3600 * 1000 -- milliseconds after which untouched keys expire
local RETRY_WINDOW = 300 * SECOND     -- longer than any client retries a request

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]
local flag, generation, touched = unpack(redis.call('HMGET', STATE, 'set', 'generation', 'touched'))

-- include engine/lua/register.lua

local function is_first_call()
  local added = redis.call('ZADD', DONE, 'NX', now, TOKEN)
  if now - (touched or 0) > RETRY_WINDOW then
    redis.call('ZREMRANGEBYSCORE', DONE, '-inf', now - RETRY_WINDOW)
    redis.call('HSET', STATE, 'touched', now)
    redis.call('PEXPIRE', STATE, IDLE_TTL)
    redis.call('PEXPIRE', DONE, IDLE_TTL)
    register()
  end
  return added == 1
end
