-- Replaces some items of a list by others.
--
-- KEYS, ARGV 1-3  see container.lua
-- ARGV  4 start
--       5 stop    as in a slice; or '' for the one item at start, which must exist
--       6 items   packed
--       7 wanted  1: return the items that are replaced
-- Returns '+', and the items, packed
-- include managers/lua/change.lua
local length = redis.call('LLEN', ITEMS)

local function place(index)
  local number = tonumber(index)
  if number < 0 then number = number + length end
  return number
end

local start, stop = place(ARGV[4]), nil
if ARGV[5] == '' then
  if start < 0 or start >= length then
    -- include engine/lua/record_nothing.lua
    return MISSING
  end
  stop = start + 1
else
  start = math.max(0, math.min(start, length))
  stop = math.max(start, math.min(place(ARGV[5]), length))
end
local items = unpack_strings(ARGV[6])
local result = '+'
if ARGV[7] == '1' and stop > start then result = '+' .. pack(redis.call('LRANGE', ITEMS, start, stop - 1)) end
-- include engine/lua/record_change.lua
redis.call('HINCRBY', STATE, 'version', 1)
if #items == stop - start then
  for i, item in ipairs(items) do redis.call('LSET', ITEMS, start + i - 1, item) end
  return result
end
if start == 0 and #items == 0 then -- from the front, without a copy of the rest
  redis.call('LTRIM', ITEMS, stop, -1)
  return result
end
local tail = stop < length and redis.call('LRANGE', ITEMS, stop, -1) or {}
if start == 0 then redis.call('DEL', ITEMS) elseif start < length then redis.call('LTRIM', ITEMS, 0, start - 1) end
for _, strings in ipairs({ items, tail }) do
  for _, item in ipairs(strings) do redis.call('RPUSH', ITEMS, item) end
end
expire_data()
return result
