-- Breaks a barrier, unless the caller's generation is complete or has failed before. A request may be repeated with the
-- same token.
--
-- KEYS, ARGV 1-3  see barrier.lua
-- ARGV  4 generation  of the caller's arrival; '' for abort(), which breaks the current one
--       5 place
--       6 how         timeout, action or aborted
-- Returns as outcome(); 1 for abort()
-- include locks/lua/barrier.lua
local arrived, place = ARGV[4], ARGV[5]
initialize()
if arrived == '' then
  if is_first_call() and not broken then break_barrier(ARGV[6] .. ' ' .. TOKEN) end
  return 1
end
if arrived == generation and not broken then break_barrier(ARGV[6] .. ' ' .. TOKEN) end
return outcome(arrived, place)
