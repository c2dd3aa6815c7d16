-- What every script of an event shares.
--
-- KEYS  1 state  hash    set (0 or 1); generation: rises with every set(); touched. The key is the channel's name too
--       2 done   zset    token -> when its script ran, so that a re-sent one does nothing
-- ARGV  1 token  names one call of set() or clear()
local STATE, DONE, TOKEN = KEYS[1], KEYS[2], ARGV[1]
local SECOND = 1000000
local IDLE = 7 * 24 * 3600 * 1000 -- untouched keys expire, in milliseconds
local REMEMBER = 300 * SECOND     -- longer than any client goes on re-sending

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]
local flag, generation, touched = unpack(redis.call('HMGET', STATE, 'set', 'generation', 'touched'))

local function first_time()
  local added = redis.call('ZADD', DONE, 'NX', now, TOKEN)
  if now - (touched or 0) > REMEMBER then
    redis.call('ZREMRANGEBYSCORE', DONE, '-inf', now - REMEMBER)
    redis.call('HSET', STATE, 'touched', now)
    redis.call('PEXPIRE', STATE, IDLE)
    redis.call('PEXPIRE', DONE, IDLE)
  end
  return added == 1
end
