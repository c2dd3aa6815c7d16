"""What a process inherits from its parent besides memory: environment, folder, arguments, import path, signals."""

from __future__ import annotations

import functools
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

PRIVATE = ("LAB_SECRET", "LAB_SECRET_FILE", "LAB_REDIS_URL", "LAB_REDIS_URL_FILE")  # each host has its own
# What terminals, shells and supervisors send; a handler of Python's cannot travel, a disposition can.
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)


@dataclass(frozen=True)
class ProcessState:
    """What a child has from the operating system, or multiprocessing's start methods give it."""

    host: str
    environment: dict[str, str]
    folder: str
    arguments: list[str]
    path: list[str]
    umask: int
    recursion_limit: int
    ignored: tuple[signal.Signals, ...]

    @classmethod
    def here(cls, forked: bool) -> ProcessState:
        """Return this process's."""
        return cls(
            socket.gethostname(),
            {name: value for name, value in os.environ.items() if name not in PRIVATE},
            os.getcwd(),
            list(sys.argv),
            list(sys.path),
            _umask(),
            sys.getrecursionlimit() if forked else 0,
            tuple(number for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN),
        )

    def moved(self, old: str, new: str) -> ProcessState:
        """Return it as it is where what was below the folder `old` is below `new`."""
        return replace(
            self, folder=moved_path(self.folder, old, new), path=[moved_path(entry, old, new) for entry in self.path]
        )

    @functools.cached_property
    def changes(self) -> dict[str, str | None]:
        """The environment variables that `restore` sets in this process; None for those that it deletes."""
        here = dict(os.environ)
        if self.host != socket.gethostname():
            return {name: value for name, value in self.environment.items() if name not in here}
        deleted = here.keys() - self.environment.keys() - set(PRIVATE)
        return dict.fromkeys(deleted) | dict(self.environment.items() - here.items())

    def restore(self) -> None:
        """Give it to this process; on another host, what is that host's own stays."""
        for name, value in self.changes.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        with suppress(OSError):  # a host that does not have it
            os.chdir(self.folder)
        sys.argv[:] = self.arguments
        sys.path[:] = [*self.path, *(entry for entry in sys.path if entry not in self.path)]
        os.umask(self.umask)
        if self.recursion_limit:
            sys.setrecursionlimit(self.recursion_limit)
        for number in self.ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked until it is known whether it is ignored


def moved_path(path: str, old: str, new: str) -> str:
    """Return where a path is if what was below the folder `old` is below `new`."""
    return str(Path(new, Path(path).relative_to(old))) if path and Path(path).is_relative_to(old) else path


def _umask() -> int:
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # umask() would set it, for other threads, too
            return next(int(line.split()[1], 8) for line in status if line.startswith("Umask:"))
    except (OSError, StopIteration):
        umask = os.umask(0o022)
        os.umask(umask)
        return umask
