-- Puts an item, or waits for a free slot.
--
-- KEYS, ARGV 1-5  see queue.lua
-- ARGV  6 item
-- Returns 1, or as request_permit.lua
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/join_queue.lua
-- include engine/lua/request_permit.lua
-- include messages/lua/queue.lua
if find_result() then return 1 end
if MAXSIZE > 0 then
  select_slots()
  local reply = await_permit()
  if reply then return reply end
end
save_result('') -- the first write, which a full server refuses
if MAXSIZE > 0 then
  consume_permit()
  select_items()
end
initialize()
if redis.call('RPUSH', ITEMS, ARGV[6]) == 1 then redis.call('PEXPIRE', ITEMS, IDLE_TTL) end
add_permit()
return 1
