-- What scripts that change a container share.
-- include managers/lua/container.lua
-- include engine/lua/begin_change.lua
local DATA = { unpack(KEYS, 2, #KEYS - 1) }

-- Several strings are one: "length:string" for each.
local function pack(strings)
  local packed = {}
  for i, each in ipairs(strings) do packed[i] = #each .. ':' .. each end
  return table.concat(packed)
end

local function unpack_strings(packed)
  local strings, position = {}, 1
  while position <= #packed do
    local colon = string.find(packed, ':', position, true)
    local stop = colon + tonumber(string.sub(packed, position, colon - 1))
    table.insert(strings, string.sub(packed, colon + 1, stop))
    position = stop + 1
  end
  return strings
end

-- include managers/lua/expire_data.lua
