"""What the server knows of a lock or a semaphore; read with commands of its own, so that no script tidies up first."""

from __future__ import annotations

from typing import Any

from broker.engine.handle import Handle
from tests.support.actors import Actor
from tests.support.clock import eventually

META = {b"start", b"capacity", b"fence", b"ticket", b"look", b"touched"}


def ask(handle: Handle, *command: bytes) -> Any:
    """Run a plain command on the handle's server."""
    here = handle._here()
    connection = here.borrow()
    try:
        return connection.run_command(*command)
    finally:
        here.give_back(connection)


def queue(handle: Handle) -> list[bytes]:
    """Who waits, the next one first."""
    return list(ask(handle, b"ZRANGE", handle._keys[1], b"0", b"-1"))


def queue_length(handle: Handle) -> int:
    return len(queue(handle))


def putters_waiting(items: Handle) -> int:
    """How many wait for room in a queue."""
    return int(ask(items, b"ZCARD", items._keys[8]))


def waiters_seen(handle: Handle) -> int:
    """How many of those who wait for a permit the server believes to be there; a kill it notices a moment later."""
    channels = [b"broker:" + token.rpartition(b":")[0] for token in queue(handle)]
    return sum(ask(handle, b"PUBSUB", b"NUMSUB", *channels)[1::2])


def listeners(event: Handle) -> int:
    """How many connections wait for an event."""
    return int(ask(event, b"PUBSUB", b"NUMSUB", event._key)[1])


def joiners(items: Handle) -> int:
    """How many connections wait until a queue has nothing left to do."""
    return int(ask(items, b"PUBSUB", b"NUMSUB", items._keys[-1])[1])


def holders(handle: Handle) -> list[bytes]:
    """Who holds a permit, or held it when anybody last looked."""
    return [field for field in ask(handle, b"HKEYS", handle._keys[0]) if field not in META]


WAITING = {"wait": listeners, "put": putters_waiting, "join": joiners}  # otherwise they queue


def line_up(handle: Handle, waiters: list[Actor], call: str = "acquire", *arguments: object, **options: object) -> None:
    """Let the actors begin a call that blocks, in this order."""
    waiting = WAITING.get(call, queue_length)
    for place, waiter in enumerate(waiters, 1):
        waiter.begin(call, *arguments, **options)
        eventually(lambda: waiting(handle) == place)  # noqa: B023 - called in this round only
