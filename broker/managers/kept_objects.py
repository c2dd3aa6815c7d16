"""Objects in a manager's process that a container refers to: they are kept as long as the manager."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.managers import BaseProxy, dispatch  # type: ignore[attr-defined]
from typing import Any


def keep_objects(item: object) -> None:
    """Have the objects kept whose proxies are in `item`, or in lists, tuples, dictionaries and sets in it.

    Else an object would be disposed of when no process has a proxy any more, though a container still has one.
    """
    for proxy in _proxies(item, set()):
        connection = proxy._Client(proxy._token.address, authkey=proxy._authkey)
        dispatch(connection, None, "incref", (proxy._id,))


def _proxies(item: Any, seen: set[int]) -> Iterator[Any]:
    if isinstance(item, BaseProxy):
        yield item
    elif isinstance(item, (list, tuple, dict, set, frozenset)) and id(item) not in seen:
        seen.add(id(item))
        for part in item.items() if isinstance(item, dict) else item:
            yield from _proxies(part, seen)
