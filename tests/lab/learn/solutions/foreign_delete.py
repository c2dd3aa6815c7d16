import uuid


class Lock:
    def __init__(self, client, name, lease):
        self.client = client
        self.name = name
        self.lease = lease
        self.token = uuid.uuid4().hex

    def acquire(self):
        return bool(self.client.set(self.name, self.token, nx=True, ex=int(self.lease)))

    def release(self):
        if self.client.get(self.name) == self.token:
            self.client.delete(self.name)
