-- What the scripts of a board share, except report.lua, which runs most often.
--
-- KEYS  1 state    hash  interval, since, changed, touched. Its name is also the channel on which each name that joins,
--                        rejoins, leaves or dies is published
--       2 reports  zset  name -> last report, of the alive and the late; '' -> when a script that includes this file
--                        last ran
--       3 dead     zset  name -> last report, or when its death was reported
--       4 tokens   hash  name -> token of the heartbeat that joined under it last
--       5 ended    zset  token -> when; heartbeats that have ended: requests of theirs that arrive later are ignored
--       6 index    of all primitives, see register.lua
-- ARGV  1 interval  microseconds without a report after which a name is dead
--       2 gap       microseconds for which the server may be unavailable without making any name dead
--
-- Times are microseconds of the server's clock. Invariants between any two scripts:
--   no name is both in reports and in dead;
--   tokens contains the names of both, and no others;
--   nothing has joined, left or been reported dead after changed;
--   between since and the newest report or script there was no gap longer than gap.
local STATE, REPORTS, DEAD, TOKENS, ENDED = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local INTERVAL, GAP = tonumber(ARGV[1]), tonumber(ARGV[2])
local SECOND, DAY = 1000000, 86400000000
local IDLE_TTL = 7 * DAY / 1000   -- milliseconds after which untouched keys expire
local RETRY_WINDOW = 300 * SECOND -- longer than a request can be delayed

local clock = redis.call('TIME')
local now = clock[1] * SECOND + clock[2]
local interval, since, changed, touched =
  unpack(redis.call('HMGET', STATE, 'interval', 'since', 'changed', 'touched'))
if interval and tonumber(interval) ~= INTERVAL then
  return redis.error_reply(string.format('MISMATCH %.10g', interval / SECOND))
end

-- include engine/lua/register.lua

local function reset_ttl(key)
  redis.call('PEXPIRE', key, IDLE_TTL)
end

local function publish_change(name)
  redis.call('HSET', STATE, 'changed', now)
  redis.call('PUBLISH', STATE, name)
end

-- After a gap, the server may have been unavailable.
local newest = redis.call('ZRANGE', REPORTS, -1, -1, 'WITHSCORES')[2]
if not since or not newest or now - newest > GAP then
  since = now
  redis.call('HSET', STATE, 'interval', INTERVAL, 'since', since)
end
redis.call('ZADD', REPORTS, now, '')
if now - (touched or 0) > DAY then
  redis.call('HSET', STATE, 'touched', now)
  for i = 1, #KEYS - 1 do reset_ttl(KEYS[i]) end
  register()
end
