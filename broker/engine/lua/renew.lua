-- Renews the lease of a held permit. One that has expired is lost, also if nobody has taken the permit since.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1 renewed, 0 not held
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
if not own_permit or parse_permit(own_permit) <= now then return 0 end
initialize()
extend_lease(TOKEN, own_permit)
return 1
