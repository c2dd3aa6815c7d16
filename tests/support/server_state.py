"""The state of a primitive on the server, read with plain commands, so that no script changes it first."""

from __future__ import annotations

from typing import Any

from broker.engine.handle import Handle
from broker.engine.requests import run
from broker.transport.scripts import Command
from tests.support.actors import Actor
from tests.support.waiting import wait_until

META = {b"start", b"created", b"capacity", b"fence", b"ticket", b"look", b"touched"}


def run_command(handle: Handle, *command: bytes) -> Any:
    """Run a plain command on the handle's server."""
    return handle._drive(lambda client: run(client, Command(*command)))[0]


def waiting_tokens(handle: Handle) -> list[bytes]:
    """Return the tokens of the requests that wait for a permit or an item, the next one first."""
    return list(run_command(handle, b"ZRANGE", handle._keys[1], b"0", b"-1"))


def count_waiters(handle: Handle) -> int:
    return len(waiting_tokens(handle))


def count_putters(items: Handle) -> int:
    """Return how many requests wait for a free slot of a queue."""
    return int(run_command(items, b"ZCARD", items._keys[8]))


def count_reachable_waiters(handle: Handle) -> int:
    """Return how many waiters still have a connection, as far as the server knows; it notices a kill a moment later."""
    channels = [b"broker:" + token.rpartition(b":")[0] for token in waiting_tokens(handle)]
    return sum(run_command(handle, b"PUBSUB", b"NUMSUB", *channels)[1::2])


def kept_bytes(items: Handle) -> int:
    """Return how many bytes of past requests a queue keeps."""
    return sum(len(value) for key in items._keys[5:7] for value in run_command(items, b"HVALS", key))


def count_event_waiters(event: Handle) -> int:
    """Return how many connections wait for an event."""
    return int(run_command(event, b"PUBSUB", b"NUMSUB", event._key)[1])


def count_joiners(items: Handle) -> int:
    """Return how many connections wait in `join()` of a queue."""
    return int(run_command(items, b"PUBSUB", b"NUMSUB", items._keys[-1])[1])


def holders(handle: Handle) -> list[bytes]:
    """Return the tokens that hold a permit; those whose lease has expired included, until a script removes them."""
    return [field for field in run_command(handle, b"HKEYS", handle._keys[0]) if field not in META]


COUNTERS = {"wait": count_event_waiters, "put": count_putters, "join": count_joiners}  # for others `count_waiters`


def start_waiting(
    handle: Handle, waiters: list[Actor], call: str = "acquire", *arguments: object, **options: object
) -> None:
    """Let the actors start a call that blocks, one after the other; return when all wait, in this order."""
    count = COUNTERS.get(call, count_waiters)
    for place, waiter in enumerate(waiters, 1):
        waiter.begin(call, *arguments, **options)
        wait_until(lambda: count(handle) == place)  # noqa: B023 - called in this round only
