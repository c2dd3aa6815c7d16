-- Requests a permit; needs maintenance.lua and join_queue.lua. A request may be repeated with the same token.

-- Returns when a request checks again that is not granted, and how many places in the queue later. `look` is what it was
-- told if it has just joined the queue. If it has watched the leases, the head does so from now on, which checks when the
-- next lease expires. A head that cannot be told keeps its place: after a restart of the server, it may be the last to
-- connect again.
local function next_check(look)
  local rank, expiry = redis.call('ZRANK', QUEUE, TOKEN), math.min(next_expiry, now + LEASE)
  if not rank then return expiry, 0 end
  if rank > 0 and look then return look, 0 end
  local number = tonumber(redis.call('ZSCORE', QUEUE, TOKEN))
  if number >= watch then
    local head, first = unpack(redis.call('ZRANGE', QUEUE, 0, 0, 'WITHSCORES'))
    local is_told = rank > 0 and notify(head, 0, expiry) > 0
    set_watch(is_told and tonumber(first) or number)
  end
  return expiry, rank
end

-- Returns the fence of the grant, or {now, look, places, fence}: the server's time, when to check again, how many places in
-- the queue later, and the last fence so far; or an error that nobody receives, if the request was withdrawn
local function request_permit(wait)
  initialize()
  if now < touched and redis.call('ZSCORE', ENDED, 'withdrawn ' .. TOKEN) then return redis.error_reply('WITHDRAWN') end
  if own_permit and parse_permit(own_permit) > now then -- the reply or message was lost, or has not arrived yet
    extend_lease(TOKEN, own_permit)
    return tonumber(string.match(own_permit, '^%d+'))
  end

  expire_leases()
  redis.call('ZREM', ENDED, TOKEN) -- an earlier grant that it did not acknowledge no longer counts
  local look = wait and join_queue(redis.call)
  grant_to_waiters(TOKEN)
  own_permit = redis.call('HGET', STATE, TOKEN)
  if own_permit then return tonumber(string.match(own_permit, '^%d+')) end -- later grants may have raised fence
  if not wait then
    if count_free() > 0 then return grant(TOKEN, LEASE) end
    leave_queue(TOKEN)
  end
  local at, places = next_check(look)
  return { now, at, places, fence }
end
