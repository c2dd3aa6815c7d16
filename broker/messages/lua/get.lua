-- Gets an item, or waits for one.
--
-- KEYS, ARGV 1-5  see queue.lua
-- ARGV  6 keep    1: keep the item under a lease until task_done.lua; 0: remove it
-- Returns the item, or as request_permit.lua
--
-- If the server's memory is full, it refuses a script whose first write could need more. So the first write here is one
-- that cannot, and a full server can be emptied.
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/join_queue.lua
-- include engine/lua/request_permit.lua
-- include messages/lua/queue.lua
local keep = ARGV[6] == '1'
local item, reply
if keep then
  local had_permit = own_permit
  redis.call('ZREM', ENDED, TOKEN) -- may be the first write, as LPOP
  reply = request_permit(WAIT)
  item = had_permit and redis.call('HGET', TAKEN, TOKEN)
else
  item = find_result()
  reply = not item and await_permit()
end
if item then return item end
if type(reply) == 'table' then return reply end
item = redis.call('LPOP', ITEMS)
if keep then
  redis.call('HSET', TAKEN, TOKEN, item)
  redis.call('PEXPIRE', TAKEN, IDLE_TTL)
else
  consume_permit()
  save_result(item)
end
if MAXSIZE > 0 then
  select_slots()
  initialize()
  add_permit()
end
return item
