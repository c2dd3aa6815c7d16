-- Deletes a primitive and its entry in the index.
--
-- KEYS  all keys of the primitive, its state first; then the index, see register.lua
-- ARGV  1 token  not used
-- Returns 1
redis.call('UNLINK', unpack(KEYS, 1, #KEYS - 1))
redis.call('ZREM', KEYS[#KEYS], KEYS[1])
return 1
