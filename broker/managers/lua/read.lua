-- How a script begins that only reads a container. That is use, too, so it may renew the expiry, once a day.
-- include managers/lua/container.lua
local DATA = { unpack(KEYS, 2, #KEYS - 1) }
local created, version = unpack(redis.call('HMGET', STATE, 'created', 'version'))
if created ~= CREATED then return LOST end
if RENEW == '1' and redis.call('PTTL', STATE) < 6 * 86400000 then
  local now = redis.call('TIME')[1] * 1000000
  -- include engine/lua/renew_expiry.lua
end
