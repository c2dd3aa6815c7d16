import time
import uuid

RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
return redis.call('publish', KEYS[1], 'free')
"""


class Lock:
    def __init__(self, client, name, lease):
        self.client = client
        self.name = name
        self.lease = lease
        self.token = uuid.uuid4().hex

    def acquire(self, timeout):
        deadline = time.monotonic() + timeout
        if self._try():
            return True
        with self.client.pubsub() as channel:
            channel.subscribe(self.name)
            while (left := deadline - time.monotonic()) > 0:
                message = channel.get_message(timeout=left)
                if message and self._try():
                    return True
        return False

    def release(self):
        self.client.eval(RELEASE, 1, self.name, self.token)

    def _try(self):
        return self.client.set(self.name, self.token, nx=True, ex=int(self.lease))
