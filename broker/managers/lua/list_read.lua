-- Reads items of a list.
--
-- KEYS, ARGV 1-2  see container.lua; the token is not used
-- ARGV  3 first  as LRANGE has it
--       4 last
-- Returns {version, item, …}
-- include managers/lua/read.lua
local reply = redis.call('LRANGE', ITEMS, ARGV[3], ARGV[4])
table.insert(reply, 1, tonumber(version))
return reply
