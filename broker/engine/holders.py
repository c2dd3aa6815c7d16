"""Who holds a primitive and who waits for it, as the server has recorded it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import unquote

from broker.engine.request import MICROSECOND
from broker.transport.scripts import Script

READ_PERMITS = Script("engine/lua/read_permits.lua")


@dataclass(frozen=True)
class _Requester:
    host: str
    pid: int
    process: str
    thread: int


@dataclass(frozen=True)
class Holder(_Requester):
    """A thread that holds a permit, or an item of a joinable queue that is not done.

    `process` is the process's name, and `thread` the thread's `native_id`. `since` is when the permit was granted, in
    Unix seconds by the server's clock. It follows from `fence`, which is that time in microseconds, or one more than
    the last fence if the server's clock was set back below that. `lease_left` is in how many seconds the lease expires
    if it is not renewed.
    """

    fence: int
    since: float
    lease_left: float


@dataclass(frozen=True)
class Waiter(_Requester):
    """A thread that waits in a `call` ("acquire", "get", "put" or "wait"); the one in `place` 1 is the next.

    Those that wait for an event are woken together; the one in place 1 has waited for the longest.

    `process` is the process's name, and `thread` the thread's `native_id`. `since` is when it joined the queue of
    waiters, in Unix seconds by the server's clock, or later than the waiter before it if that clock was set back. (A
    waiter that did not take its turn, since it was paused, joins again.)
    """

    call: str
    place: int
    since: float


def read_holders(reply: Any) -> list[Holder]:
    """Return the holders in a reply of `READ_PERMITS`, the oldest first."""
    now, fields, *_ = reply
    return parse_holders(now, fields)


def parse_holders(now: int, fields: Iterable[bytes]) -> list[Holder]:
    """Return the holders in a reply of `engine/lua/list_permits.lua` at the server's time `now`, the oldest first."""
    holders = []
    for token, permit in _pairs(fields):
        fence, expiry = map(int, permit.split()[:2])
        holders.append(Holder(*_parse_token(token), fence, fence * MICROSECOND, (expiry - now) * MICROSECOND))
    return sorted(holders, key=lambda holder: holder.fence)


def parse_waiters(call: str, fields: Iterable[bytes]) -> list[Waiter]:
    """Return the waiters in a reply of `engine/lua/list_permits.lua`, the next one first."""
    places = count(1)
    return [
        Waiter(*_parse_token(token), call, next(places), int(ticket) * MICROSECOND) for token, ticket in _pairs(fields)
    ]


def parse_event_waiters(fields: Iterable[bytes]) -> list[Waiter]:
    """Return the waiters in a reply of `locks/lua/read_event_waiters.lua`, the first one first."""
    by_time = sorted(_pairs(fields), key=lambda pair: int(pair[1]))
    return parse_waiters("wait", [field for pair in by_time for field in pair])


def describe_requester(token: bytes) -> str:
    """Return in words who made the request of a token."""
    host, pid, process, thread = _parse_token(token)
    return f"{process} ({host}/{pid}{'' if thread == pid else f'/{thread}'})"


def _pairs(fields: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    iterator = iter(fields)
    return zip(iterator, iterator, strict=True)


def _parse_token(token: bytes) -> tuple[str, int, str, int]:
    """Return host, pid, process and thread of a token, which `Connection.new_token` describes."""
    client, _, request = token.decode().rpartition(":")
    host, pid, process, _ = client.rsplit("/", 3)
    return host, int(pid), unquote(process), int(request.partition("/")[2])
