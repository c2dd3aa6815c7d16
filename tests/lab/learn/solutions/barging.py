CREATE = "if redis.call('set', KEYS[1], '', 'NX') then redis.call('rpush', KEYS[2], 'free') end"


class Lock:
    def __init__(self, client, name, lease):
        self.client = client
        self.name = name
        self.client.eval(CREATE, 2, name + ":created", name)

    def acquire(self, timeout):
        return self.client.blpop(self.name, timeout) is not None

    def release(self):
        self.client.rpush(self.name, "free")
