-- Records that a request is carried out, and its result; needs begin_change.lua. This is the first write, which a full
-- server refuses: then nothing has changed.
local seconds = redis.call('TIME')[1]
redis.call('HSET', STATE, CLIENT, NUMBER .. ' ' .. seconds .. ' ' .. result)
if math.abs(seconds - touched) > 300 then
  local now = seconds * 1000000
  -- include engine/lua/renew_expiry.lua
  redis.call('HSET', STATE, 'touched', seconds)
  local fields = redis.call('HGETALL', STATE)
  for i = 1, #fields, 2 do
    local time = string.find(fields[i], '/', 1, true) and string.match(fields[i + 1], '^%d+ (%d+)')
    if time and math.abs(seconds - time) > 300 then redis.call('HDEL', STATE, fields[i]) end
  end
end
