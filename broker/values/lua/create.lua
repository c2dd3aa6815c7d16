-- Creates the bytes of a value or an array, unless they exist. A copy of the request finds them.
--
-- KEYS  1, 2, last  see stored_bytes.lua
-- ARGV  1 size     of the bytes
--       2 type     must be that of bytes that exist
--       3 initial  the bytes; '' if all are zero
-- Returns when they were created, in microseconds
local STATE, BYTES = KEYS[1], KEYS[2]
local SIZE, TYPE, INITIAL = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local DATA = { BYTES }
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local created, existing_type = unpack(redis.call('HMGET', STATE, 'created', 'type'))
if created and existing_type ~= TYPE then return redis.error_reply('MISMATCH ' .. existing_type) end
if created then return tonumber(created) end

redis.call('SET', BYTES, INITIAL) -- the first write, which a full server refuses
if INITIAL == '' and SIZE > 0 then redis.call('SETRANGE', BYTES, SIZE - 1, '\0') end -- the bytes before it are zero, too
redis.call('HSET', STATE, 'created', string.format('%.0f', now), 'type', TYPE, 'touched', clock[1])
-- include engine/lua/renew_expiry.lua
return now
