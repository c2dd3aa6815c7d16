-- Reads bytes. That is use, too, so it may renew the expiry.
--
-- KEYS, ARGV 1-4  see stored_bytes.lua; the token is not used
-- ARGV  5 first
--       6 last
-- Returns the bytes from first to last
-- include values/lua/stored_bytes.lua
if redis.call('HGET', STATE, 'created') ~= CREATED then return LOST end
local CLIENT, NUMBER, touched -- a reading is not recorded
-- include values/lua/check_lock.lua
-- include engine/lua/may_renew.lua
return redis.call('GETRANGE', BYTES, ARGV[5], ARGV[6])
