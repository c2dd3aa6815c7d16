"""Seeded bugs in the scripts of locks and semaphores."""

from __future__ import annotations

from tests.simulation.mutants.mutant import lua

PERMITS = (
    lua(
        "release ignores the token",
        "lock",
        "a late release frees what another process holds",
        "local released = redis.call('HDEL', KEYS[1], ARGV[3]) == 1",
        """local held = ARGV[3]
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do if string.find(field, '/') then held = field end end
local released = redis.call('HDEL', KEYS[1], held) == 1""",
    ),
    lua(
        "grants go to the tail",
        "lock",
        "who came last is let in first",
        "redis.call('ZPOPMIN', KEYS[2])",
        "redis.call('ZPOPMAX', KEYS[2])",
    ),
    lua(
        "a request without waiting barges in",
        "lock",
        "a permit that was released is taken before the queue is served",
        "while count_free() > 0 do",
        "while count_free() > 0 and requester ~= TOKEN do",
    ),
    lua(
        "no acknowledgement timeout",
        "lock",
        "a waiter that died while it was let in keeps the permit for a whole lease",
        "grant(token, ACK_TIMEOUT, ",
        "grant(token, LEASE, ",
    ),
    lua(
        "the grant's message says too late an expiry",
        "lock",
        "the waiter is certain of the permit after its grant has expired",
        "notify(token, next_fence(), now + ACK_TIMEOUT)",
        "notify(token, next_fence(), now + 3 * ACK_TIMEOUT)",
    ),
    lua(
        "a renewal restores a lease that has ended",
        "lock",
        "another process may hold the permit by then",
        "if not own_permit or parse_permit(own_permit) <= now then return 0 end",
        "if not own_permit then if count_free() < 1 then return 1 end return 0 end",
    ),
    lua(
        "a renewal does not extend the lease",
        "lock",
        "the holder is certain of it for longer than the server",
        "math.max(expiry, now + LEASE)",
        "math.max(expiry, now + LEASE / 2)",
    ),
    lua(
        "the fence is a counter",
        "lock",
        "after a loss of data it begins anew, below those that were seen",
        "return math.max(fence + 1, now)",
        "return fence + 1",
    ),
    lua(
        "the fence is the time",
        "lock",
        "after the clock was set back it falls",
        "return math.max(fence + 1, now)",
        "return now",
    ),
    lua(
        "leases never expire",
        "lock",
        "a dead holder keeps its permit forever",
        "if expiry and expiry <= now then",
        "if false then",
    ),
    lua(
        "leases expire early",
        "lock",
        "another process is let in while the holder is certain of its permit",
        "if expiry and expiry <= now then",
        "if expiry and expiry <= now + LEASE / 4 then",
    ),
    lua(
        "the expiry is not looked for",
        "lock",
        "next_expiry is a whole lease from a grant, so a waiter that died while it was let in is found too late",
        "math.min(next_expiry, now + lease)",
        "math.min(next_expiry, now + LEASE)",
    ),
    lua(
        "one permit too many",
        "semaphore",
        "more processes are let in than there are permits",
        "return capacity + META_FIELDS - redis.call('HLEN', STATE)",
        "return capacity + META_FIELDS + 1 - redis.call('HLEN', STATE)",
    ),
    lua(
        "a release grants nothing",
        "lock",
        "the permit stays free until the next waiter looks again",
        "if grant_to_waiter(head, number) and now < next_expiry then",
        "if now < next_expiry then",
    ),
    lua(
        "a retried request is a new one",
        "semaphore",
        "a lost reply leaves a permit that nobody uses",
        "if own_permit and parse_permit(own_permit) > now then -- the reply",
        "if own_permit and start == '99' then -- the reply",
    ),
    lua(
        "tickets may be equal",
        "lock",
        "requests that join at the same ticket are served in the order of their names",
        "local number = math.max(ticket + 1, now)",
        "local number = math.floor(now / 1000000)",
    ),
    lua(
        "leave_queue grants",
        "lock",
        "who only leaves the queue gets the permit",
        "if leave_queue(TOKEN) then return 1 end",
        "if leave_queue(TOKEN) then grant(TOKEN, LEASE) return 1 end",
    ),
    lua(
        "a release leaves the waiter in the queue",
        "lock",
        "the permit is granted to a request that was withdrawn",
        "if leave_queue(TOKEN) then return 1 end",
        "if redis.call('ZSCORE', QUEUE, TOKEN) then return 1 end",
    ),
    lua(
        "a waiter that joins again loses its place",
        "lock",
        "the order of arrival is not kept",
        "if call('ZADD', QUEUE, 'NX', number, TOKEN) ~= 1 then return nil end",
        "call('ZADD', QUEUE, number, TOKEN)",
    ),
    lua(
        "a withdrawal refuses no copies",
        "lock",
        "a copy of the request that arrives later takes the permit for nobody",
        "record_ended('withdrawn ' .. (token or TOKEN))",
        "",
    ),
)
