-- Reads for how long the other end of a pipe is certain to stay open, even if no process renews its lease.
--
-- That nobody has renewed a lease of the other end proves nothing if the server was out of reach, or has lost its data.
-- The process that asks would have noticed: its own lease has expired, or was renewed too late. Then the others get
-- some time to renew theirs.
--
-- KEYS  1 users        of the other end, see open_end.lua
--       2 users, 3 gone  of the end of the process that asks
-- ARGV  1 grace        microseconds within which others renew their leases after an outage
--       2 token        of the process that asks
-- Returns microseconds, 0 if no process has the other end open
local GRACE = tonumber(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local last = tonumber(redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2] or 0)
local own_expiry = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[2]) or 0)
local interrupted = redis.call('ZSCORE', KEYS[3], '')
local certain_from = interrupted and interrupted * 1000000 + GRACE or 0
if own_expiry <= now then certain_from = now + GRACE end
return math.max(0, math.ceil(math.max(last, certain_from) - now))
