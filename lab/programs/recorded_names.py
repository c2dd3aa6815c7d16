"""What a program makes, recorded: primitives come in shells, and processes tell when they start and end."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from multiprocessing import context, current_process
from multiprocessing.process import BaseProcess
from typing import Any

from lab.programs.proxies import SHELLS
from lab.programs.recording import record, recording

MAIN = "MainProcess"  # as multiprocessing calls it

_numbers: dict[str, Iterator[int]] = {}


def wrap(name: str, value: Any) -> Any:
    """Return what records the use of multiprocessing's `value`, which is called `name`; itself if nothing is to be."""
    if not recording():
        return value
    if name == "Process":
        return _recorded_process(value)
    return functools.partial(_make, name, value) if name in SHELLS else value


def _make(name: str, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    kind, shell = SHELLS[name]
    label = f"{kind} {next(_numbers.setdefault(kind, itertools.count(1)))}"
    if current_process().name != MAIN:
        label += f" of {current_process().name}"
    made = make(*args, **kwargs)
    return tuple(shell(end, label) for end in made) if name == "Pipe" else shell(made, label)


@functools.cache
def _recorded_process(base: Any) -> type:
    """Return the subclass of a class of processes that records when each of them starts and ends."""
    return type(base.__name__, (_Recorded, base), {"__module__": __name__, "__qualname__": base.__name__})


def __getattr__(name: str) -> type:
    # A child that begins anew finds the class of its process by its name here.
    base = getattr(context, name, None)
    if not isinstance(base, type) or not issubclass(base, BaseProcess):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _recorded_process(getattr(context, name))


class _Recorded:
    """A process; what its child calls is wrapped for as long as it takes to start it."""

    run: Callable[[], object]

    def start(self) -> None:
        """Start it."""
        self.run = functools.partial(_perform, self.run)
        try:
            super().start()  # type: ignore[misc]
        finally:
            del self.run


def _perform(run: Callable[[], object]) -> object:
    record("starts")
    try:
        value = run()
    except BaseException as error:
        if isinstance(error, SystemExit) and not error.code:
            record("ends")
        else:
            record("fails", why=repr(error))
        raise
    record("ends")
    return value
