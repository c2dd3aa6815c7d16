-- Forgets a large item that its getter has received.
--
-- KEYS  1, 2 past  see queue.lua
-- ARGV  1 token    of the request that got it
-- Returns 1
local field = string.match(ARGV[1], '^.*:%d+')
redis.call('HDEL', KEYS[1], field)
redis.call('HDEL', KEYS[2], field)
return 1
