-- A key that has become empty was deleted with its expiry; needs DATA.
local function expire_data()
  for _, key in ipairs(DATA) do
    if redis.call('PTTL', key) == -1 then redis.call('PEXPIRE', key, 8 * 86400000) end
  end
end
