-- Marks an item as done, as task_done.lua; and refuses the get() that took it from now on, see refuse_copies.
--
-- KEYS, ARGV  see task_done.lua
-- Returns as finish_task
-- include engine/lua/state.lua
-- include engine/lua/handoff.lua
-- include engine/lua/maintenance.lua
-- include engine/lua/join_queue.lua
-- include engine/lua/request_permit.lua
-- include messages/lua/queue.lua
-- include messages/lua/finish_task.lua
refuse_copies()
return finish_task()
