-- Completes a generation after its action. A request may be repeated with the same token.
--
-- KEYS, ARGV 1-3  see barrier.lua
-- ARGV  4 generation  of the caller's arrival
--       5 place
-- Returns as outcome()
-- include locks/lua/barrier.lua
initialize()
expire_parties()
if acting == TOKEN and not broken then complete() end
return outcome(ARGV[4], ARGV[5])
