-- Writes bytes: pieces of one size, at equal distances.
--
-- KEYS, ARGV 1-4  see stored_bytes.lua
-- ARGV  5 offset    of the first piece
--       6 data      the pieces, one after the other
--       7 size      of a piece; 0 if there is only one
--       8 distance  from the beginning of one piece to that of the next
-- Returns 1
-- include values/lua/stored_bytes.lua
-- include engine/lua/begin_change.lua
-- include values/lua/check_lock.lua
local result = ''
-- include engine/lua/record_change.lua
local offset, data = ARGV[5], ARGV[6]
if ARGV[7] == '0' then
  redis.call('SETRANGE', BYTES, offset, data)
  return 1
end
local size, distance = tonumber(ARGV[7]), ARGV[8]
for piece = 0, #data / size - 1 do
  redis.call('SETRANGE', BYTES, offset + piece * distance, string.sub(data, piece * size + 1, (piece + 1) * size))
end
return 1
