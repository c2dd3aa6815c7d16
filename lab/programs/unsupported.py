"""Names of multiprocessing's that have no twin, and what is done about them."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from lab.programs.notices import say

# What to take instead where processes are jobs.
LACKING = {
    **dict.fromkeys(("RLock", "Condition", "Barrier"), "build it from Lock, Semaphore and Event"),
    **dict.fromkeys(("Value", "Array", "RawValue", "RawArray"), "send values through a Queue or a Pipe"),
    **dict.fromkeys(("Manager", "BaseManager", "SyncManager"), "send values through a Queue or a Pipe"),
    **dict.fromkeys(("SharedMemory", "ShareableList", "SharedMemoryManager"), "send values through a Queue or a Pipe"),
}


def local_only(name: str, value: Any) -> Any:
    """Return multiprocessing's own `value`; if it is a factory, its first call says that it is of this machine."""
    if isinstance(value, type):
        return value

    @functools.wraps(value)
    def make(*args: Any, **kwargs: Any) -> Any:
        say(f"{name} has no twin over Redis: it is multiprocessing's own, for the processes of this machine")
        return value(*args, **kwargs)

    return make


def refusal(name: str) -> type:
    """Return a class that ends the process with one sentence when it is called or inherited from."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        why = f"{name} stands on memory, which RQ jobs do not share"
        say(f"{why}; {LACKING[name]}, or run it --on redis")
        raise SystemExit(2)

    return type(name, (), {"__new__": refuse, "__init_subclass__": refuse})
