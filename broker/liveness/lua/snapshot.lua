-- Reads which names are on the board, and when each last reported.
--
-- KEYS, ARGV 1-2  see board.lua
-- ARGV  3 late   microseconds without a report after which a name is late
--       4 grace  microseconds within which processes must report again after a gap
--       5 known  the value of changed that the caller got with an earlier snapshot
-- Returns {now, certain_from, changed, reports, dead}: no name becomes dead before certain_from. reports and dead are
--       JSON lists that alternate names and times, including the name ''. If changed is still known, reports may end
--       after the first name that is not late
-- include liveness/lua/board.lua
local certain_from = since + ARGV[4] + redis.call('ZCARD', REPORTS) * 500 -- half a millisecond for each to reconnect
if now >= certain_from then
  local silent = redis.call('ZRANGEBYSCORE', REPORTS, '-inf', now - INTERVAL, 'WITHSCORES')
  for i = 1, #silent, 2 do
    redis.call('ZREM', REPORTS, silent[i])
    redis.call('ZADD', DEAD, silent[i + 1], silent[i])
  end
  if silent[1] then reset_ttl(DEAD) end
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', DEAD, '-inf', now - INTERVAL - DAY)) do
  redis.call('ZREM', DEAD, name)
  redis.call('HDEL', TOKENS, name)
  publish_change(name)
end
local function list(key, last) -- one JSON string: a reply of 20,000 elements takes longer to build and to parse
  return cjson.encode(redis.call('ZRANGE', key, 0, last, 'WITHSCORES'))
end
local last = changed == ARGV[5] and redis.call('ZCOUNT', REPORTS, '-inf', now - ARGV[3]) or -1
return { now, certain_from, changed or '', list(REPORTS, last), list(DEAD, -1) }
