-- Enters a primitive into the index of all primitives; needs now, the time in microseconds.
--
-- KEYS  first  the key of the primitive's state
--       last   index  zset  key of a state -> when it was registered, in microseconds
-- A script registers a primitive whenever it creates its state or renews its expiry. So no entry that is older than a
-- state can be without use belongs to a state that exists.
local function register()
  local index, ttl = KEYS[#KEYS], 8 * 86400000 -- milliseconds: a day longer than the state's
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now - ttl * 1000)
  redis.call('ZADD', index, now, KEYS[1])
  redis.call('PEXPIRE', index, ttl)
end
