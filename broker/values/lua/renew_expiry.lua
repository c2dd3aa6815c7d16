-- Renews the expiry of a value or an array; needs STATE, BYTES, DAY, and now, the time in microseconds.
-- include engine/lua/register.lua
redis.call('PEXPIRE', STATE, 7 * DAY * 1000)
redis.call('PEXPIRE', BYTES, 8 * DAY * 1000)
register()
