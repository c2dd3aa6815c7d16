-- Reads or writes what a store keeps, unless somebody with a newer fence was there.
--
-- KEYS  1 store  hash  text: what it keeps; fence: the newest seen; wrote:FENCE: the last text written under a fence
-- ARGV  1 fence  of the lock under which the caller acts, or '' if it has none
--       2 text   to write, or '' to read
-- Returns what the store keeps then; a number, the newest fence, for a caller whose own is older; nil if it is gone
--
-- Reading, too, makes the fence known. Else a holder that was stopped could write after its successor has read, and
-- before it writes: no newer fence would have been seen, and the successor would write over what it has never read.
local STORE, FENCE, TEXT = KEYS[1], ARGV[1], ARGV[2]
local kept, newest = unpack(redis.call('HMGET', STORE, 'text', 'fence'))
if not kept then return nil end
local wrote = 'wrote:' .. FENCE

if FENCE ~= '' then
  if newest and tonumber(FENCE) < tonumber(newest) then
    -- Sent again, because its reply was lost, a write that was in time still is.
    if TEXT ~= '' and redis.call('HGET', STORE, wrote) == TEXT then return TEXT end
    return tonumber(newest)
  end
  redis.call('HSET', STORE, 'fence', FENCE)
end
if TEXT == '' then return kept end
redis.call('HSET', STORE, 'text', TEXT)
if FENCE ~= '' then redis.call('HSET', STORE, wrote, TEXT) end
return TEXT
