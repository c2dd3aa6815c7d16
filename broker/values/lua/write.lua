-- Writes bytes in one piece.
--
-- KEYS, ARGV 1-4  see stored_bytes.lua
-- ARGV  5 offset
--       6 data
-- Returns 1
-- include values/lua/stored_bytes.lua
-- include engine/lua/begin_change.lua
-- include values/lua/check_lock.lua
local result = ''
-- include engine/lua/record_change.lua
redis.call('SETRANGE', BYTES, ARGV[5], ARGV[6])
return 1
