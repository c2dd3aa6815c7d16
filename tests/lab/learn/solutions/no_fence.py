import uuid

ACQUIRE = """
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return redis.call('incr', KEYS[2]) end
"""
RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""


class Lock:
    def __init__(self, client, name, lease):
        self.client = client
        self.name = name
        self.lease = lease
        self.token = uuid.uuid4().hex
        self.fence = 0

    def acquire(self):
        fence = self.client.eval(ACQUIRE, 2, self.name, self.name + ":fence", self.token, int(self.lease))
        self.fence = fence or 0
        return fence is not None

    def release(self):
        self.client.eval(RELEASE, 1, self.name, self.token)
