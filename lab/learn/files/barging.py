import time
import uuid

RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1], KEYS[2])
return redis.call('rpush', KEYS[2], 'free')
"""


class Lock:
    def __init__(self, client, name, lease):
        self.client = client
        self.name = name
        self.lease = lease
        self.wake_up = name + ":wake-up"
        self.token = uuid.uuid4().hex

    def acquire(self, timeout):
        deadline = time.monotonic() + timeout
        while not self.client.set(self.name, self.token, nx=True, ex=int(self.lease)):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.client.blpop(self.wake_up, left)
        return True

    def release(self):
        self.client.eval(RELEASE, 2, self.name, self.wake_up, self.token)
