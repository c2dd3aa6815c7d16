-- Grants a held permit anew, under a fence above one that its holder has seen. The server has lost its data, and its clock
-- is behind.
--
-- KEYS, ARGV 1-3  see state.lua
-- ARGV  4 seen    the highest fence that the holder has seen
-- Returns the new fence, or 0 if the permit is not held
-- include engine/lua/state.lua
if not own_permit then return 0 end
fence = math.max(fence, tonumber(ARGV[4]))
return grant(TOKEN, LEASE)
