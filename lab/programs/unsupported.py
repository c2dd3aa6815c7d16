"""Names of multiprocessing of which a program gets no Redis-backed version, and what it gets instead."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from lab.programs.warning import warn_once

# Each with what to use instead where processes are RQ jobs.
UNSUPPORTED = {
    **dict.fromkeys(("RLock", "Condition", "Barrier"), "build it from Lock, Semaphore and Event"),
    **dict.fromkeys(("Value", "Array", "RawValue", "RawArray"), "send values through a Queue or a Pipe"),
    **dict.fromkeys(("Manager", "BaseManager", "SyncManager"), "send values through a Queue or a Pipe"),
    **dict.fromkeys(("SharedMemory", "ShareableList", "SharedMemoryManager"), "send values through a Queue or a Pipe"),
}

LOCAL_ONLY = "{} is not Redis-backed under lab run: this is multiprocessing's own, for processes on this machine"


def warn_on_use(name: str, original: Any) -> Any:
    """Return multiprocessing's `original`; if it is a factory, its first call prints that it works on one machine."""
    if isinstance(original, type):
        return original

    @functools.wraps(original)
    def create(*args: Any, **kwargs: Any) -> Any:
        warn_once(LOCAL_ONLY.format(name))
        return original(*args, **kwargs)

    return create


@functools.cache
def refuse_on_use(name: str) -> type:
    """Return a class that ends the process with one sentence when it is instantiated or subclassed."""

    def refuse_name(*_: Any, **__: Any) -> NoReturn:
        refuse(
            f"{name} needs shared memory, which RQ jobs do not have; {UNSUPPORTED[name]}, or run the program --on redis"
        )

    return type(name, (), {"__new__": refuse_name, "__init_subclass__": refuse_name})


def refuse(sentence: str) -> NoReturn:
    """End the process with a sentence on standard error and exit status 2."""
    warn_once(sentence)
    raise SystemExit(2)
