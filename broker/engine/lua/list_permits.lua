-- Lists who holds permits and who waits for them; needs now, the time in microseconds.

-- Returns {token, "fence expiry lease", …}; a lease that has expired counts no longer, although no script has removed it yet.
local function list_holders(state)
  local holders, fields = {}, redis.call('HGETALL', state)
  for i = 2, #fields, 2 do
    local expiry = tonumber(string.match(fields[i], ' (%d+)'))
    if expiry and expiry > now then
      table.insert(holders, fields[i - 1])
      table.insert(holders, fields[i])
    end
  end
  return holders
end

-- Returns {token, ticket, …}, the next one first.
local function list_waiters(queue)
  return redis.call('ZRANGE', queue, 0, -1, 'WITHSCORES')
end
