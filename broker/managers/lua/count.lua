-- Counts the items of a container.
--
-- KEYS, ARGV 1-3  see container.lua; the token is not used
-- Returns their number
-- include managers/lua/read.lua
return #DATA == 1 and redis.call('LLEN', ITEMS) or redis.call('ZCARD', KEYS[3])
