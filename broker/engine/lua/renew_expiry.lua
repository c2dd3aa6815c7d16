-- Renews the expiry of a value, an array or a container; needs STATE, DATA (its other keys), and now, the time in
-- microseconds. The state expires a day earlier than what depends on it.
-- include engine/lua/register.lua
local DAY = 86400000 -- milliseconds
redis.call('PEXPIRE', STATE, 7 * DAY)
for _, key in ipairs(DATA) do redis.call('PEXPIRE', key, 8 * DAY) end
register()
