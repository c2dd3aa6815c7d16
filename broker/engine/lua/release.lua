-- Gives a permit back, or a place in the queue, and serves the next waiter.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1 released, 0 not held, -1 not held because the lease ended first
local released = redis.call('HDEL', KEYS[1], ARGV[3]) == 1
local head = released and redis.call('ZPOPMIN', KEYS[2])[1]
if released and not head then return 1 end
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
local served = head and offer(head) -- one permit has become free, and now is taken again
if served and now < look then
  tell_head()
  return 1
end
-- include engine/lua/rules.lua
if released then
  reap()
  serve()
  tell_head()
  return 1
end
if leave(TOKEN) then return 1 end
return redis.call('ZSCORE', ENDED, TOKEN) and -1 or 0
