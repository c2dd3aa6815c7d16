-- Records that a request has found nothing to change, so that a copy of it that arrives later changes nothing either;
-- needs begin_change.lua. A full server cannot record that, and refuses nothing.
redis.pcall('HSET', STATE, CLIENT, NUMBER .. ' ' .. touched .. '-')
-- include engine/lua/may_renew.lua
