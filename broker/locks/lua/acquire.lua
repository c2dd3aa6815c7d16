-- Takes a permit, or a place in the queue; the same token may ask again as often as it likes.
--
-- KEYS, ARGV 1-3  see state.lua
-- ARGV  4 wait    1: queue for a permit; 0: take one now or leave the queue
-- Returns as ask.lua
-- include engine/lua/state.lua
if start and not mine and now < look and now - touched < DAY and free() > 0 then return grant(TOKEN, LEASE) end
-- include engine/lua/handoff.lua
-- include engine/lua/rules.lua
-- include engine/lua/ask.lua
return ask(ARGV[4] == '1')
