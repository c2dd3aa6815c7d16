-- What the scripts of a board share; report.lua, which runs most, does without it.
--
-- KEYS  1 state    hash  interval, since, changed, touched. The key is the channel's name too: a message there says
--                        that somebody has come, come back, left or died
--       2 reports  zset  name -> its last report, of the living and the late; '' -> when a script last ran that
--                        includes this file
--       3 dead     zset  name -> its last report, or when its death was reported
--       4 tokens   hash  name -> the token of the heartbeat that took it last
--       5 ended    zset  token -> when; heartbeats that are over: what arrives from them now was held up
-- ARGV  1 interval  microseconds without a report after which a name is dead
--       2 gap       microseconds for which the server may be away without any of the living coming too late
--
-- Moments are microseconds of the server's clock. Invariants, true between any two scripts:
--   no name is in reports and in dead at once;
--   tokens has the names in either, and no other;
--   since changed, nobody has come, left or been reported dead;
--   from since to the newest report or script, none was away from the next by more than a gap.
local STATE, REPORTS, DEAD, TOKENS, ENDED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local INTERVAL, GAP = tonumber(ARGV[1]), tonumber(ARGV[2])
local SECOND, DAY = 1000000, 86400000000
local IDLE = 7 * DAY / 1000   -- milliseconds after which untouched keys expire
local REMEMBER = 300 * SECOND -- longer than a request can be held up

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]
local interval, since, changed, touched =
  unpack(redis.call('HMGET', STATE, 'interval', 'since', 'changed', 'touched'))
if interval and tonumber(interval) ~= INTERVAL then
  return redis.error_reply(string.format('MISMATCH %.10g', interval / SECOND))
end

local function keep(key)
  redis.call('PEXPIRE', key, IDLE)
end

local function tell(name)
  redis.call('HSET', STATE, 'changed', now)
  redis.call('PUBLISH', STATE, name)
end

-- After a gap it may be that the server was away.
local newest = redis.call('ZRANGE', REPORTS, -1, -1, 'WITHSCORES')[2]
if not since or not newest or now - newest > GAP then
  since = now
  redis.call('HSET', STATE, 'interval', INTERVAL, 'since', since)
end
redis.call('ZADD', REPORTS, now, '')
if now - (touched or 0) > DAY then
  redis.call('HSET', STATE, 'touched', now)
  for _, key in ipairs(KEYS) do keep(key) end
end
