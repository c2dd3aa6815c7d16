-- Creates the state of a container, which is empty. A copy of the request finds it.
--
-- KEYS  see container.lua
-- ARGV  1 token  not used
-- Returns when it was created, in microseconds
local STATE, DATA = KEYS[1], { unpack(KEYS, 2, #KEYS - 1) }
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local created = redis.call('HGET', STATE, 'created')
if created then return tonumber(created) end
redis.call('HSET', STATE, 'created', string.format('%.0f', now), 'touched', clock[1], 'version', 0)
if #KEYS == 4 then redis.call('HSET', KEYS[2], 'created', string.format('%.0f', now)) end -- of a mapping
-- include engine/lua/renew_expiry.lua
return now
