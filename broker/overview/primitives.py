"""All primitives on a server: their state, who holds them and who waits for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import redis

from broker.engine.handle import INDEX
from broker.engine.holders import Holder, Waiter, parse_event_waiters, parse_holders, parse_waiters
from broker.engine.operations import Client, Steps
from broker.engine.requests import ask
from broker.engine.session import Session
from broker.transport.replies import string
from broker.transport.scripts import Script
from broker.transport.server_errors import translate

LIMIT = 1000  # primitives that one request looks at, so that it does not block the server for long
LIST_SCRIPT = Script("overview/lua/list_primitives.lua", arguments=2)
LIST = LIST_SCRIPT.bind([INDEX], LIMIT)
FIRST, NO_MORE = b"-inf", b""  # cursors


@dataclass(frozen=True)
class PrimitiveInfo:
    """A primitive on the server; what its kind does not have is None or empty.

    `kind` is the name of its class, or "Pipe" for what was sent to one end of a pipe. `capacity` is the number of
    permits, a barrier's parties, or a queue's maximum size, None without a limit; `free`, how many permits nobody
    holds; `items`, how many are in a queue or a pipe, without those that are held; `waiting`, how many wait. `waiters`
    of an event are those that have been waiting for a second or longer. `alive` are the names on a board, and `type` is
    that of a value or an array.
    """

    kind: str
    name: str
    capacity: int | None = None
    free: int | None = None
    items: int | None = None
    is_set: bool | None = None
    waiting: int = 0
    holders: tuple[Holder, ...] = ()
    waiters: tuple[Waiter, ...] = ()
    alive: tuple[str, ...] = ()
    type: str | None = None


def list_primitives(session: Session, busy: bool) -> list[PrimitiveInfo]:
    """Return the primitives on the server, by kind and name; `busy` ones only, see `Context.primitives`."""
    found = dict[bytes, PrimitiveInfo]()  # one that is registered again meanwhile is read twice
    cursor = FIRST
    try:
        while cursor != NO_MORE:
            cursor, primitives = session.run(partial(_read, busy, cursor))
            found.update(primitives)
    except redis.ResponseError as error:
        raise translate(error, key=INDEX) from error
    return sorted(found.values(), key=lambda primitive: (primitive.kind, primitive.name))


def _read(busy: bool, cursor: bytes, client: Client) -> Steps[tuple[bytes, dict[bytes, PrimitiveInfo]]]:
    return ask(client, partial(_parse, cursor), LIST, b"%d" % busy, cursor)


def _parse(cursor: bytes, reply: Any) -> tuple[bytes, dict[bytes, PrimitiveInfo]]:
    now, following, *primitives = reply
    if following != NO_MORE and not float(cursor) < float(following):  # else it would be asked without end
        raise ValueError(reply)
    return string(following), {key: _parse_primitive(now, key, figures) for key, figures in primitives}


def _parse_primitive(now: int, key: bytes, figures: Sequence[Any]) -> PrimitiveInfo:
    kind, _, name = key.decode().removeprefix("broker:{").removesuffix("}").partition(":")
    described, parse = _KINDS[kind]
    return PrimitiveInfo(described, name, **parse(now, *figures))


def _parse_permits(now: int, capacity: bytes, holders: Sequence[bytes], waiters: Sequence[bytes]) -> dict[str, Any]:
    held, queue = tuple(parse_holders(now, holders)), tuple(parse_waiters("acquire", waiters))
    free = max(0, int(capacity) - len(held))
    return {"capacity": int(capacity), "free": free, "waiting": len(queue), "holders": held, "waiters": queue}


def _parse_items(
    now: int,
    maxsize: bytes,
    items: int,
    holders: Sequence[bytes],
    getters: Sequence[bytes],
    putters: Sequence[bytes],
) -> dict[str, Any]:
    queue = (*parse_waiters("get", getters), *parse_waiters("put", putters))
    held = tuple(parse_holders(now, holders))
    return {"capacity": int(maxsize) or None, "items": items, "waiting": len(queue), "holders": held, "waiters": queue}


def _parse_condition(_: int, waiters: Sequence[bytes]) -> dict[str, Any]:
    waiting = tuple(parse_waiters("wait", waiters))
    return {"waiting": len(waiting), "waiters": waiting}


def _parse_barrier(_: int, parties: bytes, waiters: Sequence[bytes]) -> dict[str, Any]:
    return {"capacity": int(parties)} | _parse_condition(_, waiters)


def _parse_event(_: int, is_set: bytes, waiting: int, waiters: Sequence[bytes]) -> dict[str, Any]:
    listed = tuple(parse_event_waiters(waiters))
    # The tasks of an event loop share a connection.
    return {"is_set": is_set == b"1", "waiting": max(waiting, len(listed)), "waiters": listed}


def _parse_board(_: int, *alive: bytes) -> dict[str, Any]:
    return {"alive": tuple(sorted(name.decode() for name in alive))}


def _parse_type(_: int, description: bytes) -> dict[str, Any]:
    return {"type": description.decode()}


def _parse_count(_: int, items: int) -> dict[str, Any]:
    return {"items": items}


_KINDS: Mapping[str, tuple[str, Callable[..., dict[str, Any]]]] = {
    "lock": ("Lock", _parse_permits),
    "rlock": ("RLock", _parse_permits),
    "semaphore": ("Semaphore", _parse_permits),
    "bounded": ("BoundedSemaphore", _parse_permits),
    "simple": ("SimpleQueue", _parse_items),
    "queue": ("Queue", _parse_items),
    "joinable": ("JoinableQueue", _parse_items),
    "pipe": ("Pipe", _parse_items),
    "barrier": ("Barrier", _parse_barrier),
    "condition": ("Condition", _parse_condition),
    "event": ("Event", _parse_event),
    "board": ("Board", _parse_board),
    "value": ("Value", _parse_type),
    "array": ("Array", _parse_type),
    "list": ("list", _parse_count),
    "dict": ("dict", _parse_count),
    "set": ("set", _parse_count),
    "namespace": ("Namespace", _parse_count),
}
