-- How a script begins that only reads a container. That is use, too, so it may renew the expiry.
-- include managers/lua/container.lua
local DATA = { unpack(KEYS, 2, #KEYS - 1) }
local created, version = unpack(redis.call('HMGET', STATE, 'created', 'version'))
if created ~= CREATED then return LOST end
-- include engine/lua/may_renew.lua
