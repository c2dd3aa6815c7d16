"""Names for which `lab run` has no Redis-backed version: they stay multiprocessing's own, or are refused on RQ."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from lab.programs.warning import warn_once

IN_JOBS = ("RLock", "Condition", "Barrier", "Value", "Array", "RawValue", "RawArray", "Manager")
NOWHERE = ("BaseManager", "SharedMemory", "ShareableList", "SharedMemoryManager")
# Each with what to use instead where processes are RQ jobs.
UNSUPPORTED = {
    **{name: f"use {name} of jobs.get_context()" for name in IN_JOBS},
    "SyncManager": "use Manager of jobs.get_context()",
    **dict.fromkeys(NOWHERE, "send values through a Queue or a Pipe"),
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
            f"multiprocessing's {name} works on one machine only, and RQ jobs may run on several; {UNSUPPORTED[name]}, "
            "or run the program --on redis"
        )

    return type(name, (), {"__new__": refuse_name, "__init_subclass__": refuse_name})


def refuse(sentence: str) -> NoReturn:
    """End the process with a sentence on standard error and exit status 2."""
    warn_once(sentence)
    raise SystemExit(2)
