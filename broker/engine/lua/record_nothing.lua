-- Records that a request has found nothing to change, or may not change it now, so that a copy of it that arrives later
-- changes nothing either; needs begin_change.lua, or CLIENT, which is nil if the request only reads. A full server cannot
-- record that, and refuses nothing.
if CLIENT then redis.pcall('HSET', STATE, CLIENT, NUMBER .. ' ' .. touched .. '-') end
-- include engine/lua/may_renew.lua
