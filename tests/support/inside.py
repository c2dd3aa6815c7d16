"""What the server knows of a lock or a semaphore; read with commands of its own, so that no script tidies up first."""

from __future__ import annotations

from typing import Any

from broker.handle import Handle
from tests.support.actors import Actor
from tests.support.clock import eventually

META = {b"start", b"capacity", b"fence", b"ticket", b"look", b"touched"}


def ask(handle: Handle, *command: bytes) -> Any:
    """Run a plain command on the handle's server."""
    here = handle._here()
    connection = here.borrow()
    try:
        return connection.command(*command)
    finally:
        here.give_back(connection)


def queue(handle: Handle) -> list[bytes]:
    """Who waits, the next one first."""
    return list(ask(handle, b"ZRANGE", handle._keys[1], b"0", b"-1"))


def queue_length(handle: Handle) -> int:
    return len(queue(handle))


def listeners(event: Handle) -> int:
    """How many connections wait for an event."""
    return int(ask(event, b"PUBSUB", b"NUMSUB", event._key)[1])


def holders(handle: Handle) -> list[bytes]:
    """Who holds a permit, or held it when anybody last looked."""
    return [field for field in ask(handle, b"HKEYS", handle._keys[0]) if field not in META]


def line_up(handle: Handle, waiters: list[Actor], **options: object) -> None:
    """Let the actors queue for a permit, in this order."""
    for place, waiter in enumerate(waiters, 1):
        waiter.begin("acquire", **options)
        eventually(lambda: queue_length(handle) == place)  # noqa: B023 - called in this round only
