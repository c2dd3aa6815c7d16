-- Reads one entry of a mapping.
--
-- KEYS, ARGV 1-2  see container.lua; the token is not used
-- ARGV  3 field
-- Returns the entry
-- include managers/lua/read.lua
return redis.call('HGET', ITEMS, ARGV[3]) or MISSING
