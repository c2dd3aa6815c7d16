"""Names for which no backend has a version that works beyond one machine: on RQ, they are refused when used."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from lab.programs.warning import warn_once

UNSUPPORTED = ("BaseManager", "SharedMemory", "ShareableList", "SharedMemoryManager")


@functools.cache
def refuse_on_use(name: str) -> type:
    """Return a class that ends the process with one sentence when it is instantiated or subclassed."""

    def refuse_name(*_: Any, **__: Any) -> NoReturn:
        refuse(name)

    return type(name, (), {"__new__": refuse_name, "__init_subclass__": refuse_name})


def refuse(name: str) -> NoReturn:
    """End the process with a sentence on standard error and exit status 2."""
    warn_once(
        f"multiprocessing's {name} works on one machine only, and RQ jobs may run on several; send values through a "
        "Queue, a Pipe or a Manager(), or run the program --on redis"
    )
    raise SystemExit(2)
