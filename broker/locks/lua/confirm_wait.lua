-- Renews the lease of a lock that a waiter has got, as renew.lua; and records that its notification has arrived.
--
-- KEYS  see condition.lua
-- ARGV  1-3 see state.lua
-- Returns 1 renewed, 0 not held
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
if not own_permit or parse_permit(own_permit) <= now then return 0 end
initialize()
extend_lease(TOKEN, own_permit)
redis.call('ZREM', KEYS[6], TOKEN)
return 1
