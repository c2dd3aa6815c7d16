-- Adds a number to one, with its type's precision: integers wrap around, floating-point numbers are rounded.
--
-- KEYS, ARGV 1-4  see stored_bytes.lua
-- ARGV  5 offset
--       6 format  of both, as Lua's struct.unpack has it: '<d', '>f' …; of an integer, only its byte order
--       7 addend  its bytes; of a floating-point number, those of a double
-- Returns the bytes of the sum
-- include values/lua/stored_bytes.lua
-- include engine/lua/begin_change.lua
-- include values/lua/check_lock.lua
local OFFSET, FORMAT, ADDEND = ARGV[5], ARGV[6], ARGV[7]

-- Numbers in Lua are doubles, so integers are added byte by byte, from the lowest.
local function add_integers(one, other)
  local size, carry, sum = #one, 0, {}
  local little = FORMAT == '<'
  for place = 1, size do
    local i = little and place or size + 1 - place
    carry = carry + string.byte(one, i) + string.byte(other, i)
    sum[i] = string.char(carry % 256)
    carry = math.floor(carry / 256)
  end
  return table.concat(sum)
end

local result
if #FORMAT == 1 then
  result = add_integers(redis.call('GETRANGE', BYTES, OFFSET, OFFSET + #ADDEND - 1), ADDEND)
else
  local size = struct.size(FORMAT)
  local number = struct.unpack(FORMAT, redis.call('GETRANGE', BYTES, OFFSET, OFFSET + size - 1))
  result = struct.pack(FORMAT, number + struct.unpack(string.sub(FORMAT, 1, 1) .. 'd', ADDEND))
end
-- include engine/lua/record_change.lua
redis.call('SETRANGE', BYTES, OFFSET, result)
return result
