-- Empties a barrier, which is not broken afterwards; the parties that wait get an error. A request may be repeated with
-- the same token.
--
-- KEYS, ARGV 1-3  see barrier.lua
-- Returns 1
-- include locks/lua/barrier.lua
initialize()
if is_first_call() then
  record_failure(broken or 'reset ' .. TOKEN) -- again, if it has been broken for longer than failures are kept
  redis.call('HDEL', STATE, 'broken')
  admit_entering()
  begin_generation()
end
return 1
