-- Reads all entries of a mapping.
--
-- KEYS, ARGV 1-3  see container.lua; the token is not used
-- Returns {entry, …} in the order in which they were inserted
-- include managers/lua/read.lua
local entries = {}
for i, field in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do entries[i] = redis.call('HGET', ITEMS, field) end
return entries
