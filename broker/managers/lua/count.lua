-- Counts the items of a container.
--
-- KEYS, ARGV 1-2  see container.lua; the token is not used
-- Returns their number
-- include managers/lua/read.lua
return #DATA == 1 and redis.call('LLEN', ITEMS) or redis.call('HLEN', ITEMS)
