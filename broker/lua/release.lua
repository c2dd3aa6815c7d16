-- Gives a permit back, or a place in the queue, and serves the next waiter.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1 released, 0 not held, -1 not held because the lease ended first
local released = redis.call('HDEL', KEYS[1], ARGV[3]) == 1
if released and redis.call('ZCARD', KEYS[2]) == 0 then return 1 end
-- include state
-- include rules
if released then
  reap()
  serve()
  return 1
end
if leave(TOKEN) then return 1 end
return redis.call('ZSCORE', ENDED, TOKEN) and -1 or 0
