-- Renews the lease of the party that runs the action of a barrier.
--
-- KEYS, ARGV 1-3  see barrier.lua
-- Returns 1 renewed, 0 it does not run the action any more
-- include locks/lua/barrier.lua
expire_parties()
if acting ~= TOKEN or broken then return 0 end
redis.call('ZADD', LEASES, 'XX', now + LEASE, TOKEN)
return 1
