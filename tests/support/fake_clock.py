"""The broker's Lua scripts on a real server, with a fake clock that the test advances."""

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


def with_fake_clock(original: Script) -> Script:
    """Return a copy of the script that reads the time from a key of the fake clock."""
    script = copy.copy(original)
    script.text = script.text.replace(b"redis.call('TIME')", b"redis.call('LRANGE', '%b', 0, -1)" % CLOCK)
    script.sha = hashlib.sha1(script.text, usedforsecurity=False).hexdigest().encode()
    return script


class FakeClock:
    """The time that such scripts read; it is a key on the server."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self.now = 1_800_000_000 * SECOND
        self.advance(0)

    def advance(self, microseconds: int) -> None:
        self.now += microseconds
        with self._client.pipeline(transaction=False) as pipe:
            pipe.delete(CLOCK).rpush(CLOCK, *divmod(self.now, SECOND)).execute()


class ScriptClient:
    """A client that runs scripts; its messages are read only when the test asks for them."""

    def __init__(self, url: str) -> None:
        open_wire = wire_factory(url)
        self._connection = Connection(open_wire, 5.0)
        self.channel = self._connection.channel

    def token(self) -> bytes:
        return self._connection.new_token()

    def run(self, command: BoundScript, *arguments: bytes) -> Any:
        return self._connection.execute(command, arguments)

    def subscribe(self) -> None:
        self._connection.subscribe(self.channel)

    def is_subscribed(self) -> bool:
        return self._connection.is_subscribed(self.channel)

    def messages(self) -> list[bytes]:
        """Return the messages that have arrived; the reply to a PING marks their end."""
        inbox = self._connection._message_wire
        if inbox is None or not self.is_subscribed():
            return []
        inbox.send(pack_command(b"PING", b"end"))
        arrived = []
        while (reply := inbox.read(5.0))[0] != b"pong":
            arrived.append(reply[-1])
        return arrived

    def disconnect(self) -> None:
        """Close the sockets, as the end of the process would; a late request in its name opens one again."""
        self._connection._close_request_wire()
        self._connection._close_message_wire()


class ScriptHarness:
    """An emptied server with a fake clock, and four clients that each send one request."""

    def __init__(self, url: str, client: redis.Redis) -> None:
        client.flushall()
        self.clock = FakeClock(client)
        self.clients = [ScriptClient(url) for _ in range(4)]
        self.tokens = [client.token() for client in self.clients]
        for each in self.clients:
            each.subscribe()

    def close(self) -> None:
        for each in self.clients:
            each.disconnect()
