-- Adds a result that comes from no worker. Sent again, it may be there twice.
--
-- KEYS  see tasks.lua
-- ARGV  1 result
-- Returns 1
-- include messages/lua/tasks.lua
redis.call('RPUSH', RESULTS, ARGV[1])
local reader = redis.call('HGET', STATE, 'reader')
if reader then wake_reader(reader) end
renew_expiry()
return 1
