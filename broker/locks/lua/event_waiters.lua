-- Who waits for an event: those that have registered (see wait_event.lua) and were not woken since. A set() need not
-- remove them, as it raises the generation.
local FORGET_AFTER = 15 * 1000000 -- microseconds: longer than a waiter takes to register again

-- Returns {token, since, …}
local function list_event_waiters(waiters, generation, now)
  local found = {}
  for _, waiter in ipairs(redis.call('ZRANGEBYSCORE', waiters, now - FORGET_AFTER, '+inf')) do
    local token, since, began = string.match(waiter, '^(.*) (%d+) (%d+)$')
    if began == generation then
      table.insert(found, token)
      table.insert(found, since)
    end
  end
  return found
end
