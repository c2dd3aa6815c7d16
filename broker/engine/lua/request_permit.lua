-- Requests a permit; needs maintenance.lua and join_queue.lua. A request may be repeated with the same token.

-- Returns the fence of the grant, or waiting_reply(); or an error that nobody receives, if the request was withdrawn
local function request_permit(wait)
  initialize()
  if now < touched and redis.call('ZSCORE', ENDED, 'withdrawn ' .. TOKEN) then return redis.error_reply('WITHDRAWN') end
  if own_permit and parse_permit(own_permit) > now then -- the reply or message was lost, or has not arrived yet
    extend_lease(TOKEN, own_permit)
    return tonumber(string.match(own_permit, '^%d+'))
  end

  expire_leases()
  redis.call('ZREM', ENDED, TOKEN) -- an earlier grant that it did not acknowledge no longer counts
  if wait then
    join_queue(redis.call)
    redis.call('PEXPIRE', QUEUE, IDLE_TTL)
  end
  if grant_to_waiters(TOKEN) then notify_head() end
  own_permit = redis.call('HGET', STATE, TOKEN)
  if own_permit then return tonumber(string.match(own_permit, '^%d+')) end -- later grants may have raised fence
  if not wait then
    if count_free() > 0 then return grant(TOKEN, LEASE) end
    leave_queue(TOKEN)
  end
  return waiting_reply()
end
