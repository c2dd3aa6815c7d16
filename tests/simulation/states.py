"""What is on the server after a script: conditions and barriers are judged by how each script has changed that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from broker.locks.barrier import Barrier
from broker.locks.condition import Condition
from tests.simulation.history import Entry, Happened, Ran
from tests.simulation.schedule import DATA_LOSS
from tests.simulation.server import SimulatedServer


@dataclass(slots=True)
class ConditionState:
    """A condition and its lock."""

    held: dict[bytes, int]  # token -> expiry
    queue: list[bytes]  # for the lock
    waiting: dict[bytes, int]  # token -> ticket, in order
    notified: dict[bytes, int]  # token -> ticket of the notification
    channels: frozenset[bytes]  # those to which clients are subscribed

    def can_reach(self, token: bytes) -> bool:
        """Return whether the client of this token is subscribed."""
        return b"broker:" + token.partition(b":")[0] in self.channels


@dataclass(slots=True)
class BarrierState:
    """A barrier."""

    generation: int
    broken: bytes | None  # why
    waiting: list[bytes]
    leases: dict[bytes, int]  # token -> expiry
    failures: dict[int, bytes]  # generation -> why, the first time


def read_condition(server: SimulatedServer, condition: Condition) -> ConditionState:
    lock, keys = condition.lock._keys, condition._keys
    fields, queued, waiting, notified = server.read_all(
        (b"HGETALL", lock[0]),
        (b"ZRANGE", lock[1], b"0", b"-1"),
        (b"ZRANGE", keys[1], b"0", b"-1", b"WITHSCORES"),
        (b"ZRANGE", keys[2], b"0", b"-1", b"WITHSCORES"),
    )
    permits = {token: value.split() for token, value in _pairs(fields)}
    held = {token: int(parts[1]) for token, parts in permits.items() if len(parts) == 3}
    waits = {token: int(ticket) for token, ticket in _pairs(waiting)}
    notifications = {token: int(ticket) for token, ticket in _pairs(notified)}
    return ConditionState(held, queued, waits, notifications, frozenset(+server.subscriptions))


def read_barrier(server: SimulatedServer, barrier: Barrier) -> BarrierState:
    keys = barrier._keys
    (generation, broken), waiting, leases, failed = server.read_all(
        (b"HMGET", keys[0], b"generation", b"broken"),
        (b"ZRANGE", keys[1], b"0", b"-1"),
        (b"ZRANGE", keys[2], b"0", b"-1", b"WITHSCORES"),
        (b"ZRANGE", keys[4], b"0", b"-1"),
    )
    failures: dict[int, bytes] = {}
    for number, why in (failure.split(b" ", 1) for failure in failed):
        failures.setdefault(int(number), why)
    expiries = {token: int(expiry) for token, expiry in _pairs(leases)}
    return BarrierState(int(generation or 0), broken, waiting, expiries, failures)


def _pairs(fields: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(fields[::2], fields[1::2], strict=True)


def with_states(history: Sequence[Entry]) -> Iterator[tuple[Entry, Any]]:
    """Yield each entry with the state before it, or None if that is not known: the server has lost data since."""
    before = None
    for entry in history:
        yield entry, before
        if isinstance(entry, Ran):
            before = entry.state
        elif isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            before = None
