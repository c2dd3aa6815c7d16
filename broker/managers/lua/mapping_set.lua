-- Puts one entry into a mapping: what mapping_put.lua does, without what only several entries need.
--
-- KEYS, ARGV 1-3  see container.lua
-- ARGV  4 field
--       5 entry
-- Returns '+'
-- include managers/lua/change.lua
local result = '+'
-- include engine/lua/record_change.lua
if redis.call('HSET', ITEMS, ARGV[4], ARGV[5]) == 1 then
  redis.call('ZADD', KEYS[3], redis.call('HINCRBY', STATE, 'version', 1), ARGV[4])
  expire_data()
end
return result
