-- Dijkstra's V by one who holds nothing: one permit more than there were.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
open()
if not redis.call('ZSCORE', ENDED, TOKEN) then
  remember(TOKEN)
  add_permit()
end
return 1
