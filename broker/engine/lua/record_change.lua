-- Records that a request is carried out, and its result; needs begin_change.lua, and RENEW. This is the first write, which
-- a full server refuses: then nothing has changed.
--
-- The time in a record is the one at which the present period began (touched), so that no request has to ask for the time
-- but those that renew. A period lasts for five minutes at least. At its end, the records of earlier ones are removed.
redis.call('HSET', STATE, CLIENT, NUMBER .. ' ' .. touched .. ' ' .. result)
-- include engine/lua/may_renew.lua
