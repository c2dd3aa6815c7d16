"""The kinds of primitives that are recorded, by the names of multiprocessing's factories and of a manager's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from lab.programs import proxies, shared_proxies


class Kind(NamedTuple):
    """What a trace calls a primitive, its proxy, and, if it has a lock, which argument that is."""

    name: str
    proxy: Callable[..., Any]
    lock: Callable[[Sequence[Any], Mapping[str, Any]], Any] | None = None


def _first(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return args[0] if args else kwargs.get("lock")


def _second(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return args[1] if len(args) > 1 else kwargs.get("lock")


def _keyword(_: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return kwargs.get("lock")


QUEUE = Kind("queue", proxies.QueueProxy)
SEMAPHORE = Kind("semaphore", proxies.PermitsProxy)
VALUE = Kind("value", shared_proxies.ValueProxy, _keyword)
RAW_VALUE = Kind("value", shared_proxies.recorded)
CONTAINER = Kind("container", shared_proxies.container_proxy)

COMMON = {
    "Lock": Kind("lock", proxies.PermitsProxy),
    "RLock": Kind("lock", proxies.RLockProxy),
    "Semaphore": SEMAPHORE,
    "BoundedSemaphore": SEMAPHORE,
    "Condition": Kind("condition", proxies.ConditionProxy, _first),
    "Barrier": Kind("barrier", proxies.BarrierProxy),
    "Event": Kind("event", proxies.EventProxy),
    "Queue": QUEUE,
    "JoinableQueue": QUEUE,
}
KINDS = {
    **COMMON,
    "SimpleQueue": QUEUE,
    "Pipe": Kind("pipe", proxies.ConnectionProxy),
    "Value": VALUE,
    "Array": VALUE,
    **dict.fromkeys(("RawValue", "RawArray", "copy"), RAW_VALUE),
    "synchronized": Kind("value", shared_proxies.ValueProxy, _second),
}
MANAGED = COMMON | dict.fromkeys(("list", "dict", "set", "Namespace", "Value", "Array"), CONTAINER)
