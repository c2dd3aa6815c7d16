-- Reads one entry of a mapping.
--
-- KEYS, ARGV 1-3  see container.lua; the token is not used
-- ARGV  4 field
-- Returns the entry
-- include managers/lua/read.lua
return redis.call('HGET', ITEMS, ARGV[4]) or MISSING
