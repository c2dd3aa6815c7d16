-- Records that a request is carried out, and its result; needs begin_change.lua, and RENEW. This is the first write, which
-- a full server refuses: then nothing has changed.
--
-- The time in a record is the one at which the present period began (touched), so that no request has to ask for the time
-- but those that renew. A period lasts for five minutes at least. At its end, the records of earlier ones are removed.
redis.call('HSET', STATE, CLIENT, NUMBER .. ' ' .. touched .. ' ' .. result)
if RENEW == '1' then
  local seconds = redis.call('TIME')[1]
  if math.abs(seconds - touched) > 300 then
    local now = seconds * 1000000
    -- include engine/lua/renew_expiry.lua
    redis.call('HSET', STATE, 'touched', seconds)
    local fields = redis.call('HGETALL', STATE)
    for i = 1, #fields, 2 do
      local period = string.find(fields[i], '/', 1, true) and string.match(fields[i + 1], '^%d+ (%d+)')
      if period and period ~= touched then redis.call('HDEL', STATE, fields[i]) end
    end
  end
end
