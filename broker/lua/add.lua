-- Dijkstra's V by one who holds nothing: one permit more than there were.
--
-- KEYS, ARGV 1-3  see state.lua
-- Returns 1
-- include state
-- include handoff
-- include rules
open()
if not redis.call('ZSCORE', ENDED, TOKEN) then
  remember(TOKEN)
  capacity = redis.call('HINCRBY', STATE, 'capacity', 1)
  reap()
  if serve() then tell_head() end
end
return 1
