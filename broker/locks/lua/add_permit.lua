-- Adds a permit: Dijkstra's V by a process that holds none.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
initialize()
if not redis.call('ZSCORE', ENDED, TOKEN) then
  record_ended(TOKEN)
  add_permit()
end
return 1
