-- Removes an entry of a mapping, or all.
--
-- KEYS, ARGV 1-3  see container.lua
-- ARGV  4 which  'field', 'last' or 'all'
--       5 field
-- Returns the entry after a '+'
-- include managers/lua/change.lua
local field = ARGV[4] == 'field' and ARGV[5]
if ARGV[4] == 'last' then field = redis.call('ZRANGE', KEYS[3], -1, -1)[1] end
local entry = field and redis.call('HGET', ITEMS, field)
if ARGV[4] ~= 'all' and not entry then
  -- include engine/lua/record_nothing.lua
  return MISSING
end
local result = '+' .. (entry or '')
-- include engine/lua/record_change.lua
if field then
  redis.call('HDEL', ITEMS, field)
  redis.call('ZREM', KEYS[3], field)
else
  redis.call('DEL', ITEMS, KEYS[3])
  redis.call('HSET', ITEMS, 'created', CREATED)
  expire_data()
end
return result
