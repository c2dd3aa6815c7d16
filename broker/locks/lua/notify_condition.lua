-- Notifies waiters: moves them to the end of the lock's queue. A request may be repeated with the same number.
--
-- KEYS  see condition.lua
-- ARGV  1-3 see state.lua; the token is that under which the caller holds the lock
--       4 number  rises with each notify of the caller
--       5 count   how many waiters to notify
-- Returns 1; 0 if the lease of the token had ended
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include locks/lua/condition.lua
local NUMBER, COUNT = tonumber(ARGV[4]), tonumber(ARGV[5])
if not own_permit or parse_permit(own_permit) <= now then return 0 end
local lock, last = unpack(redis.call('HMGET', CONDITION, 'lock', 'last'))
if lock and lock ~= KEYS[1] then return redis.error_reply('MISMATCH ' .. lock) end
if redis.call('ZCARD', WAITING) == 0 then return 1 end -- and nobody begins to wait while the caller holds the lock
local last_token, last_number = string.match(last or '', '^(%S+) (%d+)$')
if last_token == TOKEN and NUMBER <= tonumber(last_number) then return 1 end
redis.call('HSET', CONDITION, 'last', TOKEN .. ' ' .. ARGV[4])
pass_on()
notify_waiters(COUNT, next_ticket())
if has_new_head then notify_head() end
return 1
