-- Reads bytes. That is use, too, so it may renew the expiry, once a day.
--
-- KEYS, ARGV 1-4  see stored_bytes.lua; the token is not used
-- ARGV  5 first
--       6 last
-- Returns the bytes from first to last
-- include values/lua/stored_bytes.lua
if redis.call('HGET', STATE, 'created') ~= CREATED then return LOST end
-- include values/lua/check_lock.lua
if RENEW == '1' and redis.call('PTTL', STATE) < 6 * 86400000 then
  local now = redis.call('TIME')[1] * 1000000
  -- include engine/lua/renew_expiry.lua
end
return redis.call('GETRANGE', BYTES, ARGV[5], ARGV[6])
