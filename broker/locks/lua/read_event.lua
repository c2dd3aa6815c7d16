-- Reads an event.
--
-- KEYS, ARGV  see event.lua; the token is not used
-- Returns {set, generation}
-- include locks/lua/event_flag.lua
return { read_flag() }
