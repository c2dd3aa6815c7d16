-- How a script begins that changes a value, an array or a container, so that a request that is sent again changes
-- nothing; needs STATE, CREATED, LOST, and the token as the second argument.
--
-- A client sends one request at a time, and numbers them. So the state remembers for each client only the number and
-- the result of its last change, for five minutes at least (see record_change.lua): longer than any client retries a
-- request.
local CLIENT, NUMBER = string.match(ARGV[2], '^(.*):(%d+)')
local created, touched, last = unpack(redis.call('HMGET', STATE, 'created', 'touched', CLIENT))
if created ~= CREATED then return LOST end
-- If the last number is higher than this request's, the client has sent a later one since, and nobody reads the reply.
if last and tonumber(string.match(last, '^%d+')) >= tonumber(NUMBER) then
  local last_result = string.match(last, '^%d+ %d+ (.*)$')
  if not last_result then return -2 end -- see record_nothing.lua
  return last_result == '' and 1 or last_result
end
