import time
import uuid

RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""


class Redlock:
    def __init__(self, clients, name, lease):
        self.clients = clients
        self.name = name
        self.lease = lease
        self.token = uuid.uuid4().hex
        self.valid_until = 0

    def acquire(self):
        self.valid_until = time.time() + self.lease
        granted = 0
        for client in self.clients:
            granted += bool(client.set(self.name, self.token, nx=True, ex=int(self.lease)))
        if granted > len(self.clients) // 2 and self.held():
            return True
        self.release()
        return False

    def held(self):
        return time.time() < self.valid_until

    def release(self):
        self.valid_until = 0
        for client in self.clients:
            client.eval(RELEASE, 1, self.name, self.token)
