class Lock:
    def __init__(self, client, name, lease):
        self.client = client
        self.name = name
        self.lease = lease

    def acquire(self):
        return bool(self.client.set(self.name, "taken", nx=True, ex=int(self.lease)))

    def release(self):
        self.client.delete(self.name)
