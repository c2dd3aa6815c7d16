import uuid

ACQUIRE = """
local now = redis.call('time')
now = now[1] + now[2] / 1000000
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
if redis.call('zcard', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
return redis.call('zadd', KEYS[1], now + ARGV[3], ARGV[1])
"""


class Semaphore:
    def __init__(self, client, name, permits, lease):
        self.client = client
        self.name = name
        self.permits = permits
        self.lease = lease
        self.token = uuid.uuid4().hex

    def acquire(self):
        return self.client.eval(ACQUIRE, 1, self.name, self.token, self.permits, self.lease) == 1

    def release(self):
        self.client.zrem(self.name, self.token)
