"""One run of an exercise on one backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lab.errors import LabError
from lab.runtime.context import Context, Daemon, Process
from lab.runtime.interrupts import Interrupts
from lab.runtime.logs import Log
from lab.runtime.recorder import Recorder
from lab.runtime.store import Store
from lab.trace import LAB

GLANCE = 1.0  # seconds between looks at whether anything still happens
PATIENCE = 15.0  # seconds without an event, longer than a dead holder's lease, after which a crash has stopped the run


class Run:
    """What an exercise plays with: a context, a log, a store, and somebody who waits for the actors."""

    def __init__(
        self,
        ctx: Context,
        log: Log,
        make_store: Callable[[int], Store],
        *,
        workers: int | None = None,
        server: str | None = None,
    ) -> None:
        self.ctx = ctx
        self.log = log
        self.workers = workers
        self.server = server
        self.interrupts = Interrupts()
        self.on_end: Callable[[], object] = lambda: None
        self._make_store = make_store
        self._seen = (0, time.monotonic())

    def recorder(self, who: str) -> Recorder:
        """Return what an actor called `who` records its events with."""
        return Recorder(self.log, who)

    def store(self, count: int) -> Store:
        """Return a `db` that holds `count`; it lasts as long as the run."""
        return self._make_store(count)

    def start_and_join(self, processes: Sequence[Process], max_silence: float, daemons: Sequence[Daemon] = ()) -> None:
        """Start all processes and wait until all have ended, or a crash has left the others waiting for ever.

        `max_silence` is how many seconds an actor may be silent for by design. The daemons are started first, and
        ended when the others have ended. A process's end is an event, `joins`, also that of a daemon which ended early.
        """
        lab = self.recorder(LAB)
        lab.record("opens")
        with self._running(daemons):
            for process in processes:
                self.interrupts.check()
                self._start(process)
            for process in processes:
                self._join(process, [*processes, *daemons], max_silence + PATIENCE)
                lab.record("joins", on=process.name, value=process.exitcode)
        lab.record("closes", last=True)

    @contextmanager
    def _running(self, daemons: Sequence[Daemon]) -> Iterator[None]:
        for daemon in daemons:
            daemon.daemon = True
            self._start(daemon)
        yield
        for daemon in daemons:
            if daemon.exitcode is None:
                daemon.terminate()
                daemon.join()
            else:
                self.recorder(LAB).record("joins", on=daemon.name, value=daemon.exitcode)

    def _start(self, process: Process) -> None:
        try:
            process.start()
        except OSError as error:
            raise LabError(
                f"{process.name} could not be started ({error}); take fewer, or allow more (ulimit -n, ulimit -u)"
            ) from error

    def _join(self, process: Process, processes: Sequence[Process], patience: float) -> None:
        while process.exitcode is None:
            with self.interrupts.allowed():
                process.join(GLANCE)
            if process.exitcode is None and self._stuck(processes, patience):
                break
        self.on_end()

    def _stuck(self, processes: Sequence[Process], patience: float) -> bool:
        events, now = len(self.log.events()), time.monotonic()
        if events != self._seen[0]:
            self._seen = (events, now)
        return now - self._seen[1] > patience and any(process.exitcode for process in processes)
