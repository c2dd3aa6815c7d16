class Semaphore:
    def __init__(self, client, name, permits, lease):
        self.client = client
        self.name = name
        self.lease = lease
        self.client.set(self.name, permits, nx=True)

    def acquire(self):
        if self.client.decr(self.name) >= 0:
            return True
        self.client.incr(self.name)
        return False

    def release(self):
        self.client.incr(self.name)
