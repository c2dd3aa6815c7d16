-- Renews the expiry of what is in use, and ends a period that has lasted for five minutes (see record_change.lua), if the
-- request may; needs STATE, DATA and RENEW. Reading, and a change that finds nothing to change, are use, too: a program
-- may do nothing else with the requests that may renew. A full server refuses none of this: the first write only renews.
if RENEW == '1' then
  local seconds, began = redis.call('TIME')[1], redis.call('HGET', STATE, 'touched')
  local is_over = math.abs(seconds - began) > 300
  if is_over or redis.call('PTTL', STATE) < 6 * 86400000 then
    local now = seconds * 1000000
    -- include engine/lua/renew_expiry.lua
  end
  if is_over then
    redis.call('HSET', STATE, 'touched', seconds)
    local fields = redis.call('HGETALL', STATE)
    for i = 1, #fields, 2 do
      local period = string.find(fields[i], '/', 1, true) and string.match(fields[i + 1], '^%d+ (%d+)')
      if period and period ~= began then redis.call('HDEL', STATE, fields[i]) end
    end
  end
end
