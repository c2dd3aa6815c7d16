-- Reads an event, and registers a thread that waits for it, so that others can list it, or removes it from the list.
--
-- KEYS  see event.lua
-- ARGV  1 token       of the wait, see state.lua
--       2 generation  when the wait began
--       3 waited      microseconds since then
--       4 since       what an earlier call has returned; '' for none
--       5 leaves      1: the wait is over, 0: it is not
-- Returns {set, generation, since}; since is when the wait began, in microseconds of the server's clock
local STATE, WAITERS = KEYS[1], KEYS[3]
local TOKEN, GENERATION, WAITED, SINCE, LEAVES = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5] == '1'
-- include locks/lua/event_flag.lua
-- include locks/lua/event_waiters.lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
-- include engine/lua/register.lua
local since = SINCE ~= '' and SINCE or string.format('%.0f', now - WAITED)
local waiter = TOKEN .. ' ' .. since .. ' ' .. GENERATION

local function register_waiter()
  redis.call('ZREMRANGEBYSCORE', WAITERS, '-inf', now - FORGET_AFTER) -- first: a server with full memory accepts it
  redis.call('ZADD', WAITERS, now, waiter)
  redis.call('PEXPIRE', WAITERS, FORGET_AFTER / 1000)
  if redis.call('EXISTS', STATE) == 0 then register() end
end

if LEAVES then
  redis.call('ZREM', WAITERS, waiter)
else
  register_waiter()
end
local set, generation = read_flag()
return { set, generation, since }
