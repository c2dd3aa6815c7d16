-- Replaces all items of a list, unless it has changed.
--
-- KEYS, ARGV 1-3  see container.lua
-- ARGV  4 version  that the caller has read
--       5 items    packed
-- Returns '+'; or -2 if the list has changed since
-- include managers/lua/change.lua
if redis.call('HGET', STATE, 'version') ~= ARGV[4] then
  -- include engine/lua/may_renew.lua
  return MISSING
end
local result = '+'
-- include engine/lua/record_change.lua
redis.call('HINCRBY', STATE, 'version', 1)
redis.call('DEL', ITEMS)
for _, item in ipairs(unpack_strings(ARGV[5])) do redis.call('RPUSH', ITEMS, item) end
expire_data()
return result
