import uuid

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

    def acquire(self):
        return bool(self.client.set(self.name, self.token, nx=True, ex=int(self.lease)))

    def release(self):
        self.client.eval(RELEASE, 1, self.name, self.token)
