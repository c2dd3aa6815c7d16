-- What all scripts of a value or an array share, except create.lua.
--
-- KEYS  1 state   hash    created, type, touched; and client -> "number period result", its last write, in case it
--                         is sent again
--       2 bytes   string  as ctypes lays them out
--       3 lock    the state of the lock that guards the bytes, see state.lua; only for a guarded access
--       last      the index of all primitives, see register.lua
-- ARGV  1 created   when the bytes that the caller knows were created, see create.lua
--       2 token     of the request
--       3 renew     1: renew the expiry if it is time to; each process asks for that from time to time
--       4 permit    of a guarded access: the token that holds the lock, or '' if nobody may hold it
--
-- Each script returns what it says, or one of
--       -1  the bytes are no longer there: the data was lost, or they were deleted or have expired
--       -2  the lock is held, so the access has to wait for it
--       -3  the permit does not hold the lock any more
-- Times are seconds of the server's clock, but created, which is in microseconds. The string exists as long as the state
-- does: both are created and deleted in one step, and the state expires first.
local STATE, BYTES, CREATED, RENEW, PERMIT = KEYS[1], KEYS[2], ARGV[1], ARGV[3], ARGV[4]
local LOST, LOCKED, LEASE_LOST = -1, -2, -3
local DATA = { BYTES }
