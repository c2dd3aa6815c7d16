-- Cancels a wait: the lock is not held any more, a notification is passed on, and later copies of the wait are refused.
--
-- KEYS  see condition.lua
-- ARGV  1-3 see state.lua; the token is that of the wait
--       4 held      token under which the lock was held before; '' if that is not to be released
--       5 notified  0: it is known that it was not notified
-- Returns 1
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include locks/lua/condition.lua
local HELD, MAY_BE_NOTIFIED = ARGV[4], ARGV[5] == '1'
local had_lock = redis.call('HDEL', STATE, TOKEN) == 1
redis.call('ZREM', WAITING, TOKEN)
refuse_copies(TOKEN)
if HELD ~= '' then
  redis.call('HDEL', STATE, HELD)
  refuse_copies(HELD)
end
local ticket = redis.call('ZSCORE', NOTIFIED, TOKEN)
if had_lock and MAY_BE_NOTIFIED then ticket = ticket or latest_ticket() end -- also if it was confirmed already
redis.call('ZREM', NOTIFIED, TOKEN)
leave_queue(TOKEN)
expire_leases()
if ticket then notify_waiters(1, tonumber(ticket)) end
serve_queue()
return 1
