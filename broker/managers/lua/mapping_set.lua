-- Puts one entry into a mapping: the most frequent change, and so without what only others need.
--
-- KEYS, ARGV 1-3  see container.lua
-- ARGV  4 field
--       5 entry
-- Returns 1
-- include managers/lua/container.lua
-- include engine/lua/begin_change.lua
local DATA, result = { ITEMS, KEYS[3] }, ''
-- include engine/lua/record_change.lua
if redis.call('HSET', ITEMS, ARGV[4], ARGV[5]) == 1 then
  -- include managers/lua/expire_data.lua
  redis.call('ZADD', KEYS[3], redis.call('HINCRBY', STATE, 'version', 1), ARGV[4])
  expire_data()
end
return 1
