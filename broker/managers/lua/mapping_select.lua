-- Compares the fields of a mapping with others, and changes it accordingly.
--
-- KEYS, ARGV 1-3  see container.lua
-- ARGV  4 which    'remove': those that are among the others; 'keep': no other ones; 'toggle': remove those that are
--                  among the others, and put the others
--       5 entries  packed: field, entry, field, entry …; no field occurs twice
-- Returns '+'
-- include managers/lua/change.lua
local result = '+'
-- include engine/lua/record_change.lua
local entries, given = unpack_strings(ARGV[5]), {}

local function remove(field)
  redis.call('ZREM', KEYS[3], field)
  return redis.call('HDEL', ITEMS, field) == 1
end

for i = 1, #entries, 2 do
  local field = entries[i]
  given[field] = true
  if ARGV[4] ~= 'keep' and not remove(field) and ARGV[4] == 'toggle' then
    redis.call('HSET', ITEMS, field, entries[i + 1])
    redis.call('ZADD', KEYS[3], redis.call('HINCRBY', STATE, 'version', 1), field)
  end
end
if ARGV[4] == 'keep' then
  for _, field in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    if not given[field] then remove(field) end
  end
end
expire_data()
return result
