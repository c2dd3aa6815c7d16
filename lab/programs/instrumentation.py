"""Instrumentation of a program: its primitives become recording proxies, its processes record their start and end."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from multiprocessing import context, current_process
from multiprocessing.process import BaseProcess
from typing import Any

from lab.programs.proxies import PROXIES
from lab.programs.recording import is_recording, record

MAIN = "MainProcess"  # multiprocessing's name for it

_counters: dict[str, Iterator[int]] = {}


def instrument(name: str, original: Any) -> Any:
    """Return the recording version of `original`, which multiprocessing calls `name`; itself if it has none."""
    if not is_recording():
        return original
    if name == "Process":
        return _recorded_process(original)
    return functools.partial(_create, name, original) if name in PROXIES else original


def _create(name: str, factory: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    kind, proxy = PROXIES[name]
    label = f"{kind} {next(_counters.setdefault(kind, itertools.count(1)))}"
    if current_process().name != MAIN:
        label += f" of {current_process().name}"
    created = factory(*args, **kwargs)
    return tuple(proxy(end, label) for end in created) if name == "Pipe" else proxy(created, label)


@functools.cache
def _recorded_process(base: Any) -> type:
    """Return a subclass of a process class that records when each process starts and ends."""
    return type(base.__name__, (_RecordedProcess, base), {"__module__": __name__, "__qualname__": base.__name__})


def __getattr__(name: str) -> type:
    # A child that is started with spawn or forkserver looks up the class of its process here, by its name.
    base = getattr(context, name, None)
    if not isinstance(base, type) or not issubclass(base, BaseProcess):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _recorded_process(getattr(context, name))


class _RecordedProcess:
    """A mixin that wraps `run`, which the child calls, while the process is being started."""

    run: Callable[[], object]

    def start(self) -> None:
        """Start it."""
        self.run = functools.partial(_run_recorded, self.run)
        try:
            super().start()  # type: ignore[misc]
        finally:
            del self.run


def _run_recorded(run: Callable[[], object]) -> object:
    record("starts")
    try:
        result = run()
    except BaseException as error:
        if isinstance(error, SystemExit) and not error.code:
            record("ends")
        else:
            record("fails", why=repr(error))
        raise
    record("ends")
    return result
