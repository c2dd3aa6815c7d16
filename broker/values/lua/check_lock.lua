-- Ends a guarded access that the lock does not permit; needs stored_bytes.lua, and what record_nothing.lua needs. A
-- lease that has expired counts as held: the lock's own scripts end it.
-- include engine/lua/meta_fields.lua
if #KEYS == 4 then
  if PERMIT == '' then
    if redis.call('HLEN', KEYS[3]) > META_FIELDS then
      -- include engine/lua/record_nothing.lua
      return LOCKED
    end
  else
    local clock, permit = redis.call('TIME'), redis.call('HGET', KEYS[3], PERMIT)
    local expiry = permit and string.match(permit, ' (%d+)')
    if not expiry or tonumber(expiry) <= clock[1] * 1000000 + clock[2] then return LEASE_LOST end
  end
end
