-- Arrives at a barrier, or says what has become of an arrival, and renews its lease. A request may be repeated with the
-- same token.
--
-- KEYS, ARGV 1-3  see barrier.lua
-- ARGV  4 generation  of the arrival; '' if it is not known to have arrived
--       5 place       from 0
--       6 action      1: the last party runs an action before the others go on
-- Returns as outcome(); {BUSY, 0, 0, now, next expiry} if it has not arrived, since an action runs
-- include locks/lua/barrier.lua
local arrived, place, is_late = ARGV[4], ARGV[5], false
initialize()
expire_parties()
if arrived == '' then
  arrived, place, is_late = find_arrival()
  if is_late or arrived == '-' then return redis.error_reply('WITHDRAWN') end
end
if not arrived then
  if broken then
    pcall(record_arrival, generation, 0) -- so that a late copy does not arrive after reset(); a full server refuses it
    return { BROKEN, broken }
  end
  if acting then
    redis.call('ZADD', ENTERING, now, TOKEN)
    redis.call('PEXPIRE', ENTERING, IDLE_TTL)
    return { BUSY, 0, 0, now, next_expiry() }
  end
  local waiting = redis.call('ZCARD', WAITING)
  arrived, place = generation, waiting
  if free then
    place, free = string.match(free, '^(%d+) ?(.*)$')
    if free == '' then redis.call('HDEL', STATE, 'free') else redis.call('HSET', STATE, 'free', free) end
  end
  record_arrival(arrived, place)
  local is_last = waiting + 1 >= PARTIES
  if is_last and ARGV[6] ~= '1' then -- all wait for this script, so it does no more than it has to
    complete()
    return { COMPLETE, tonumber(arrived), tonumber(place), now, now + LEASE }
  end
  redis.call('ZADD', WAITING, now, TOKEN)
  redis.call('ZADD', LEASES, now + LEASE, TOKEN)
  redis.call('PEXPIRE', WAITING, IDLE_TTL)
  redis.call('PEXPIRE', LEASES, IDLE_TTL)
  if is_last then
    acting = TOKEN
    redis.call('HSET', STATE, 'acting', TOKEN)
  end
elseif arrived == generation and not broken then
  redis.call('ZADD', LEASES, 'XX', now + LEASE, TOKEN)
  redis.call('PEXPIRE', WAITING, IDLE_TTL)
  redis.call('PEXPIRE', LEASES, IDLE_TTL)
end
return outcome(arrived, place)
