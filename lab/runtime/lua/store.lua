-- Reads or writes the text in a store, unless a request with a newer fence came before.
--
-- KEYS  1 store  hash  text: the stored text; fence: the newest fence seen; wrote:FENCE: what was last written under it
-- ARGV  1 fence  of the lock that the caller holds, or '' if it has none
--       2 text   to write, or '' to read
-- Returns the stored text; a number, the newest fence, if the caller's is older; nil if the key does not exist
--
-- A read, too, raises the fence. Otherwise a holder that was paused could write after its successor has read and before
-- it writes: the store would have seen no newer fence, and the successor would overwrite what it has never read.
local STORE, FENCE, TEXT = KEYS[1], ARGV[1], ARGV[2]
local stored, newest = unpack(redis.call('HMGET', STORE, 'text', 'fence'))
if not stored then return nil end
local wrote = 'wrote:' .. FENCE

if FENCE ~= '' then
  if newest and tonumber(FENCE) < tonumber(newest) then
    -- A write that was done in time is confirmed if it is sent again because its reply was lost.
    if TEXT ~= '' and redis.call('HGET', STORE, wrote) == TEXT then return TEXT end
    return tonumber(newest)
  end
  redis.call('HSET', STORE, 'fence', FENCE)
end
if TEXT == '' then return stored end
redis.call('HSET', STORE, 'text', TEXT)
if FENCE ~= '' then redis.call('HSET', STORE, wrote, TEXT) end
return TEXT
