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
        if not self.client.setnx(self.name, self.token):
            return False
        self.client.expire(self.name, int(self.lease))
        return True

    def release(self):
        self.client.eval(RELEASE, 1, self.name, self.token)
