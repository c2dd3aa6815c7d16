-- Writes bytes: pieces of one size, at equal distances.
--
-- KEYS, ARGV 1-4  see stored_bytes.lua
-- ARGV  5 offset    of the first piece
--       6 data      the pieces, one after the other
--       7 size      of a piece
--       8 distance  from the beginning of one piece to that of the next
-- Returns 1
-- include values/lua/stored_bytes.lua
-- include engine/lua/begin_change.lua
-- include values/lua/check_lock.lua
local result = ''
-- include engine/lua/record_change.lua
local offset, data, size, distance = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8]
for piece = 0, #data / size - 1 do
  redis.call('SETRANGE', BYTES, offset + piece * distance, string.sub(data, piece * size + 1, (piece + 1) * size))
end
return 1
