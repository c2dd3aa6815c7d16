"""multiprocessing's shared memory in what travels: it exists on one host only."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import ShareableList, SharedMemory
from pathlib import Path
from typing import Any, TypeAlias

from broker.messages.pickling import NotTransferableError

Identity: TypeAlias = tuple[str, int, int]  # of a block of memory: another host has others, also of the same name


def _reduce_memory(memory: SharedMemory) -> Any:
    if memory._fd < 0:  # type: ignore[attr-defined]
        return memory.__reduce__()  # it is closed
    return _open_memory, (memory.name, _identity(memory), _tracker())


def _reduce_list(items: Any) -> Any:
    return _open_list, (items.shm.name, _identity(items.shm), _tracker())


def _open_memory(name: str, identity: Identity, tracker: int) -> Any:
    return _open(SharedMemory, lambda memory: memory, name, identity, tracker)


def _open_list(name: str, identity: Identity, tracker: int) -> Any:
    return _open(ShareableList, lambda items: items.shm, name, identity, tracker)


def _open(kind: Any, memory_of: Callable[[Any], Any], name: str, identity: Identity, tracker: int) -> Any:
    try:
        opened = kind(name=name)
    except FileNotFoundError:
        raise _not_transferable(kind, name) from None
    memory = memory_of(opened)
    is_same = _identity(memory) == identity
    if _tracker() != tracker or not is_same:  # else it would be unlinked when this process ends
        resource_tracker.unregister(memory._name, "shared_memory")
        memory._track = False  # from Python 3.13
    if not is_same:
        memory.close()
        raise _not_transferable(kind, name)
    return opened


def _not_transferable(kind: type, name: str) -> NotTransferableError:
    return NotTransferableError(
        f"the {kind.__name__} {name!r} does not exist here: shared memory is on one host, until it is unlinked; run a "
        "worker on that host, or use an Array of the context or a list of its Manager, which any host can use"
    )


def _identity(memory: Any) -> Identity:
    boot = Path("/proc/sys/kernel/random/boot_id")
    status = os.fstat(memory._fd)
    return boot.read_text() if boot.exists() else os.uname().nodename, status.st_dev, status.st_ino


def _tracker() -> int:
    """Return what is the same for processes with the same resource tracker: those that multiprocessing has started."""
    descriptor: Any = resource_tracker.getfd()
    return os.fstat(descriptor).st_ino


REDUCERS: dict[type, Callable[[Any], Any]] = {SharedMemory: _reduce_memory, ShareableList: _reduce_list}
