-- What all scripts of a container share, except create.lua.
--
-- KEYS  1 state    hash  created; touched; version, which rises with every change of a list and every insertion into a
--                        mapping; and client -> "number period result", its last change, in case it is sent again
--       2 items    of a list: list; of a mapping: hash  field -> entry; and "created", which is the same as in the state, so
--                        that one command can read an entry of the right mapping. No field of a key begins like that
--       3 order    of a mapping: zset  field -> the version with which it was inserted
--       last       the index of all primitives, see register.lua
-- ARGV  1 created  when the container that the caller knows was created, see create.lua
--       2 token    of the request
--       3 renew    1: renew the expiry if it is time to; each process asks for that from time to time
--
-- Each script returns what it says; or -1 if the container is no longer there: the data was lost, or it was deleted or
-- has expired; or -2 if there is no such item.
local STATE, ITEMS, CREATED, RENEW = KEYS[1], KEYS[2], ARGV[1], ARGV[3]
local LOST, MISSING = -1, -2
