-- Forgets a large result that the client has received. Its number stays, so that a copy of the request changes nothing.
--
-- KEYS, ARGV 1-2  see container.lua; the token is that of the request
-- Returns 1
local STATE = KEYS[1]
local CLIENT, NUMBER = string.match(ARGV[2], '^(.*):(%d+)')
local number, seconds = string.match(redis.call('HGET', STATE, CLIENT) or '', '^(%d+) (%d+) ')
if number == NUMBER then redis.call('HSET', STATE, CLIENT, number .. ' ' .. seconds .. ' ') end
return 1
