-- Gets an item, or waits for one.
--
-- KEYS, ARGV 1-5  see queue.lua
-- ARGV  6 keep    1: keep the item under a lease until task_done.lua; 0: remove it
-- Returns the item, or as request_permit.lua
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/request_permit.lua
-- include messages/lua/queue.lua
local keep = ARGV[6] == '1'
local item
if keep then item = redis.call('HGET', TAKEN, TOKEN) else item = find_result() end
if item then return item end
local reply
if keep then reply = request_permit(WAIT) else reply = consume_permit() end
if type(reply) == 'table' then return reply end
item = redis.call('LPOP', ITEMS)
if keep then
  redis.call('HSET', TAKEN, TOKEN, item)
  redis.call('PEXPIRE', TAKEN, IDLE_TTL)
else
  save_result(item)
end
if MAXSIZE > 0 then
  select_slots()
  initialize()
  add_permit()
end
return item
