-- Says who is on the board, and when each was last heard of.
--
-- KEYS, ARGV 1-2  see board.lua
-- ARGV  3 late   microseconds without a report after which a name is late
--       4 grace  microseconds that the living are given to come back after the server was away
--       5 known  a moment: the asker knows who was on the board then
-- Returns {now, certain, changed, reports, dead}: before the moment certain nobody new is dead. reports and dead are
--       JSON lists of names and moments in turns, a name '' among them. If nobody has come or left since the moment
--       known, reports ends with the first who is not late
-- include liveness/lua/board.lua
local certain = since + ARGV[4] + redis.call('ZCARD', REPORTS) * 500 -- so long each takes to connect anew
if now >= certain then
  local silent = redis.call('ZRANGEBYSCORE', REPORTS, '-inf', now - INTERVAL, 'WITHSCORES')
  for i = 1, #silent, 2 do
    redis.call('ZREM', REPORTS, silent[i])
    redis.call('ZADD', DEAD, silent[i + 1], silent[i])
  end
  if silent[1] then keep(DEAD) end
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', DEAD, '-inf', now - INTERVAL - DAY)) do
  redis.call('ZREM', DEAD, name)
  redis.call('HDEL', TOKENS, name)
  tell(name)
end
local function list(key, last) -- as one string: twenty thousand of them would take both sides longer
  return cjson.encode(redis.call('ZRANGE', key, 0, last, 'WITHSCORES'))
end
local last = changed == ARGV[5] and redis.call('ZCOUNT', REPORTS, '-inf', now - ARGV[3]) or -1
return { now, certain, changed or '', list(REPORTS, last), list(DEAD, -1) }
