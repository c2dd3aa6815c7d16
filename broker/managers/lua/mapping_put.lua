-- Puts entries into a mapping.
--
-- KEYS, ARGV 1-3  see container.lua
-- ARGV  4 if_new   1: only if the first field has no entry
--       5 entries  packed: field, entry, field, entry …
-- Returns '+', and if if_new is 1, the entry that the first field had
-- include managers/lua/change.lua
local entries = unpack_strings(ARGV[5])
local before = ARGV[4] == '1' and redis.call('HGET', ITEMS, entries[1])
local result = '+' .. (before or '')
if before then -- recorded, so that a late copy of the request puts nothing, unless the server is full
  redis.pcall('HSET', STATE, CLIENT, NUMBER .. ' ' .. touched .. ' ' .. result)
  -- include engine/lua/may_renew.lua
  return result
end
-- include engine/lua/record_change.lua
local is_larger = false
for i = 1, #entries, 2 do
  if redis.call('HSET', ITEMS, entries[i], entries[i + 1]) == 1 then
    redis.call('ZADD', KEYS[3], redis.call('HINCRBY', STATE, 'version', 1), entries[i])
    is_larger = true
  end
end
if is_larger then expire_data() end
return result
