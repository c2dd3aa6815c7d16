"""The server of a simulation: the broker's Lua scripts on a real server, with virtual time and simulated subscribers.

A script gets the time and the list of subscribed channels as arguments, and returns what it published with its reply.
So one connection serves all simulated processes, and a request costs one round trip.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import redis

from broker.transport.scripts import BoundScript, Command, Script, pack_command
from broker.transport.wire import wire_factory

SECOND = 1_000_000
EPOCH = 1_800_000_000 * SECOND  # the server's time when the simulation begins

_PRELUDE = b"""
local sim_seconds, sim_microseconds, sim_channels = ARGV[#ARGV - 2], ARGV[#ARGV - 1], ARGV[#ARGV]
local sim_out = {}
local function sim_publish(channel, message)
  local receivers = string.find(sim_channels, ' ' .. channel .. ' ', 1, true) and 1 or 0
  table.insert(sim_out, channel)
  table.insert(sim_out, message)
  table.insert(sim_out, receivers)
  return receivers
end
local function sim_count_subscribers(channel)
  return { channel, string.find(sim_channels, ' ' .. channel .. ' ', 1, true) and 1 or 0 }
end
local function sim_expire_at(key, milliseconds)
  table.insert(sim_out, '')
  table.insert(sim_out, key)
  table.insert(sim_out, milliseconds)
end
local function sim_main()
"""
_POSTLUDE = b"""
end
local sim_reply = sim_main()
if type(sim_reply) == 'table' and sim_reply.err then return sim_reply end
if sim_reply == nil then sim_reply = false end
return { sim_reply, sim_out }
"""

Edit = Callable[[bytes], bytes]


@dataclass(slots=True)
class Message:
    """What a script published."""

    channel: bytes
    payload: bytes
    received: bool  # whether a client was subscribed


@dataclass(slots=True)
class Snapshot:
    """The data of a server at one moment."""

    keys: dict[bytes, bytes]
    expiries: list[tuple[int, bytes]] = field(default_factory=list)


class SimulatedServer:
    """A real server whose clock, subscribers and failures are simulated; `edit` changes the text of each script."""

    def __init__(self, url: str, edit: Edit = lambda text: text) -> None:
        self._wire = wire_factory(url)(60.0)
        self._edit = edit
        self._prefixes: dict[BoundScript, tuple[int, bytes]] = {}
        self._loaded: dict[bytes, bytes] = {}
        self._expiries: list[tuple[int, bytes]] = []
        self.subscriptions: Counter[bytes] = Counter()
        self._channels = b" "
        self.known_scripts: set[bytes] = set()
        self.error: redis.RedisError | None = None  # replied to every request
        self.running = True
        self.generation = 0  # rises with every restart: connections to an earlier one are broken
        self.clock_offset = EPOCH
        self._send(b"FLUSHALL")

    def close(self) -> None:
        self._wire.close()

    def time(self, now: float) -> int:
        """Return the server's time in microseconds at the virtual time `now`."""
        return round(now * SECOND) + self.clock_offset

    def run(self, script: BoundScript | Command, arguments: tuple[bytes, ...], now: float) -> tuple[Any, list[Message]]:
        """Run a script; return its reply and what it published. Raises redis-py's errors."""
        if self.error is not None:
            raise self.error
        time = self.time(now)
        while self._expiries and self._expiries[0][0] <= time:
            self._send(b"UNLINK", heapq.heappop(self._expiries)[1])
        if isinstance(script, Command):
            return self._send(*script._parts, *arguments), []
        count, prefix = self._prefixes.get(script) or self._prepare(script)
        extra = (*arguments, *(b"%d" % part for part in divmod(time, SECOND)), self._channels)
        self._wire.send(
            b"*%d\r\n" % (count + len(extra)) + prefix + b"".join([b"$%d\r\n%b\r\n" % (len(a), a) for a in extra])
        )
        reply, out = self._wire.read()
        messages = []
        for channel, payload, received in zip(out[::3], out[1::3], out[2::3], strict=True):
            if channel:
                messages.append(Message(channel, payload, bool(received)))
            else:
                heapq.heappush(self._expiries, (received * 1000, payload))
        return reply, messages

    def subscribe(self, channel: bytes) -> None:
        self.subscriptions[channel] += 1
        self._update_channels()

    def unsubscribe(self, channel: bytes) -> None:
        self.subscriptions -= Counter([channel])
        self._update_channels()

    def disconnect_all(self) -> None:
        """Break all connections."""
        self.generation += 1
        self.subscriptions.clear()
        self._update_channels()

    def flush(self) -> None:
        """Lose all data."""
        self._send(b"FLUSHALL")
        self._expiries.clear()

    def snapshot(self) -> Snapshot:
        keys = self._send(b"KEYS", b"*")
        return Snapshot({key: self._send(b"DUMP", key) for key in keys}, list(self._expiries))

    def restore(self, snapshot: Snapshot) -> None:
        self.flush()
        for key, dump in snapshot.keys.items():
            self._send(b"RESTORE", key, b"0", dump)
        self._expiries = list(snapshot.expiries)

    def keys(self) -> list[bytes]:
        keys: list[bytes] = sorted(self._send(b"KEYS", b"*"))
        return keys

    def read(self, *command: bytes) -> Any:
        """Run a command that reads data."""
        return self._send(*command)

    def read_all(self, *commands: tuple[bytes, ...]) -> list[Any]:
        """Run commands that read data; return their replies."""
        self._wire.send(b"".join(pack_command(*command) for command in commands))
        return [self._wire.read() for _ in commands]

    def _update_channels(self) -> None:
        self._channels = b" " + b" ".join(sorted(self.subscriptions)) + b" "

    def _send(self, *command: bytes) -> Any:
        self._wire.send(pack_command(*command))
        return self._wire.read()

    def _prepare(self, script: BoundScript) -> tuple[int, bytes]:
        text = script._script.text
        sha = self._loaded.get(text)
        if sha is None:
            sha = self._loaded[text] = self._load(self._edit(text))
        keys, fixed = script._counts(())[0], script._fixed_count
        start = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in (b"EVALSHA", sha, b"%d" % keys))
        prefix = start + script.keys.packed + script._more_keys.packed + script._fixed
        self._prefixes[script] = prepared = (3 + keys + fixed, prefix)
        return prepared

    def _load(self, text: bytes) -> bytes:
        text = text.replace(b"redis.call('TIME')", b"{ sim_seconds, sim_microseconds }")
        text = text.replace(b"redis.call('PUBLISH', ", b"sim_publish(")
        text = text.replace(b"redis.call('PUBSUB', 'NUMSUB', ", b"sim_count_subscribers(")
        text = text.replace(b"redis.call('PEXPIREAT', ", b"sim_expire_at(")
        assert not re.search(rb"TIME'|PUBLISH|PUBSUB|EXPIREAT", text)
        text = _PRELUDE + text + _POSTLUDE
        assert self._send(b"SCRIPT", b"LOAD", text) == hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
        return hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


def scripts_in(modules: Iterable[Any], prefix: str = "") -> dict[str, Script]:
    """Return all scripts that these modules define, by their names."""
    return {
        prefix + name.lower(): value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Script)
    }
