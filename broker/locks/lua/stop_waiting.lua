-- Ends a wait for a notification at its timeout; the lock is then waited for. A request may be repeated.
--
-- KEYS  see condition.lua
-- ARGV  1-3 see state.lua
-- Returns 1 if it was not notified, 0 if it was
redis.call('ZREM', KEYS[5], ARGV[3])
return redis.call('ZSCORE', KEYS[6], ARGV[3]) and 0 or 1
