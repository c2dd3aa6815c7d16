-- Takes a permit, or joins the queue. A request may be repeated with the same token.
--
-- KEYS, ARGV 1-3  see state.lua
-- ARGV  4 wait    1: join the queue if no permit is free; 0: take a permit now or leave the queue
-- Returns as request_permit.lua
-- include engine/lua/state.lua
local is_usual = start and not own_permit and now < next_expiry and now >= touched and now - touched < DAY
if is_usual and watch == 0 and count_free() > 0 then return grant(TOKEN, LEASE) end
-- include engine/lua/join_queue.lua
if is_usual and ARGV[4] == '1' and next_expiry <= now + math.max(LEASE, SECOND) then
  local look = join_queue(redis.pcall)
  if look then return { now, look, 0, fence } end
end
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/request_permit.lua
return request_permit(ARGV[4] == '1')
