-- Reads items of a list.
--
-- KEYS, ARGV 1-3  see container.lua; the token is not used
-- ARGV  4 first  as LRANGE has it
--       5 last
-- Returns {version, item, …}
-- include managers/lua/read.lua
local reply = redis.call('LRANGE', ITEMS, ARGV[4], ARGV[5])
table.insert(reply, 1, tonumber(version))
return reply
