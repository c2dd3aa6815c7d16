-- Lets a worker take tasks.
--
-- KEYS  see tasks.lua
-- ARGV  1 worker
-- Returns 1
-- include messages/lua/tasks.lua
if not redis.call('HGET', STATE, ARGV[1]) then redis.call('HSET', STATE, ARGV[1], 0) end
renew_expiry()
return 1
