"""The broker's scripts on a real server, under a clock that the test sets."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import redis

from broker.transport.connection import Connection
from broker.transport.scripts import BoundScript, Script, pack_command
from broker.transport.wire import wire_factory

CLOCK = b"{test}clock"
SECOND = 1_000_000


def timed(original: Script) -> Script:
    """Return the same script, but reading the time from a key."""
    script = copy.copy(original)
    script.text = script.text.replace(b"redis.call('TIME')", b"redis.call('LRANGE', '%b', 0, -1)" % CLOCK)
    script.sha = hashlib.sha1(script.text, usedforsecurity=False).hexdigest().encode()
    return script


class Clock:
    """What the scripts believe the time to be."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self.now = 1_800_000_000 * SECOND
        self.advance(0)

    def advance(self, microseconds: int) -> None:
        self.now += microseconds
        self._client.delete(CLOCK)
        self._client.rpush(CLOCK, *divmod(self.now, SECOND))


class Client:
    """One who asks; its inbox is read only when the test says so."""

    def __init__(self, url: str) -> None:
        open_wire = wire_factory(url)
        self._connection = Connection(lambda: open_wire(5.0))
        self.channel = self._connection.channel

    def token(self) -> bytes:
        return self._connection.new_token()

    def run(self, command: BoundScript, *arguments: bytes) -> Any:
        return self._connection.run(command, *arguments)[0]

    def subscribe(self) -> None:
        self._connection.subscribe(self.channel)

    def is_subscribed(self) -> bool:
        return self._connection.is_subscribed(self.channel)

    def messages(self) -> list[bytes]:
        """Return what has arrived: a PING goes the same way, and so marks the end."""
        inbox = self._connection._message_wire
        if inbox is None or not self.is_subscribed():
            return []
        inbox.send(pack_command(b"PING", b"end"))
        arrived = []
        while (reply := inbox.read(5.0))[0] != b"pong":
            arrived.append(reply[-1])
        return arrived

    def die(self) -> None:
        """Be gone as a killed process is, its sockets closed."""
        self._connection.close()


class Stage:
    """An empty server, its clock, and clients that each have one request."""

    def __init__(self, url: str, client: redis.Redis) -> None:
        client.flushall()
        self.clock = Clock(client)
        self.clients = [Client(url) for _ in range(4)]
        self.tokens = [client.token() for client in self.clients]
        for each in self.clients:
            each.subscribe()

    def close(self) -> None:
        for each in self.clients:
            each.die()
