-- Reads the flag and the generation of an event. Waiting for it is use, too, so this renews its expiry, once a day.
--
-- KEYS  see event.lua
-- Returns set and generation as numbers
local function read_flag()
  local state = redis.call('HMGET', KEYS[1], 'set', 'generation')
  local ttl = redis.call('PTTL', KEYS[1])
  local DAY = 86400000
  if ttl >= 0 and ttl < 6 * DAY then
    local clock = redis.call('TIME')
    local now = clock[1] * 1000000 + clock[2]
    -- include engine/lua/register.lua
    redis.call('PEXPIRE', KEYS[1], 7 * DAY)
    register()
  end
  return tonumber(state[1] or 0), tonumber(state[2] or 0)
end
