"""One run of an exercise on one backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from gettext import gettext as _

from lab.errors import LabError
from lab.runtime.context import Context, Daemon, Process
from lab.runtime.delay_meter import DelayMeter
from lab.runtime.event_log import EventLog
from lab.runtime.fault_injection import Injector
from lab.runtime.fault_plan import FaultPlan
from lab.runtime.interrupts import Interrupts
from lab.runtime.recorder import Recorder
from lab.runtime.store import Store
from lab.trace import DELAY, LAB, STOP, Event

POLL_INTERVAL = 1.0  # seconds between checks of whether the run makes progress
STALL_TIMEOUT = 30.0  # seconds without an event after which a run with a crashed actor has stalled; far above a lease
FAULT_TIMEOUT = 10.0  # the same for a run with faults, whose leases are short
STALLED, DEADLOCKED = "stalled", "deadlocked"  # why a run is stopped


class Run:
    """What an exercise runs on: a context, a log and a store; starts the actors and waits for them."""

    def __init__(
        self,
        ctx: Context,
        log: EventLog,
        make_store: Callable[[int], Store],
        *,
        workers: int | None = None,
        server: str | None = None,
        url: str = "",
    ) -> None:
        self.ctx = ctx
        self.log = log
        self.workers = workers
        self.server = server
        self._url = url
        self.interrupts = Interrupts()
        self.on_actor_end: Callable[[], object] = lambda: None
        self.fault_plan: FaultPlan | None = None
        self._injectors: dict[str, Injector] = {}
        self._stopped = False
        self._is_deadlocked: Callable[[Sequence[Event]], bool] = lambda _: False
        self._make_store = make_store
        self._progress = (0, time.monotonic())  # how many events there were, and since when

    def recorder(self, who: str) -> Recorder:
        """Return the recorder of the actor called `who`."""
        return Recorder(self.log, who, self._injectors.setdefault(who, Injector(url=self._url)))

    def store(self, count: int) -> Store:
        """Return a new `db` that contains `count`; it exists as long as the run."""
        return self._make_store(count)

    def start_and_join(
        self,
        processes: Sequence[Process],
        max_silence: float,
        daemons: Sequence[Daemon] = (),
        is_deadlocked: Callable[[Sequence[Event]], bool] = lambda _: False,
    ) -> None:
        """Start all processes and wait until all have ended, or the run has stalled after a crash or a fault.

        `max_silence` is the longest time in seconds for which an actor may record nothing by design. A run that
        `is_deadlocked` after the events so far is stopped. The daemons are started first, and terminated after the
        other processes have ended. The end of each process is recorded as `joins`, also that of a daemon that ended
        early; so is the longest delay that the machine caused meanwhile. Some of the processes, but no daemon, meet the
        faults of the run's plan.
        """
        self._is_deadlocked = is_deadlocked
        if self.fault_plan is not None:
            for name, fault in self.fault_plan.among([process.name for process in processes]).items():
                self._injectors[name].fault = fault
        lab = self.recorder(LAB)
        lab.record("starts run")
        with DelayMeter() as meter, self._running(daemons):
            for process in processes:
                self.interrupts.check()
                self._start(process)
            for process in processes:
                self._join(process, [*processes, *daemons], max_silence)
                lab.record("joins", on=process.name, value=process.exitcode)
        lab.record(DELAY, value=meter.longest_microseconds)
        lab.record("ends run", last=True)

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
            failed = _("{name} could not be started ({error}); take fewer, or allow more (ulimit -n, ulimit -u)")
            raise LabError(failed.format(name=process.name, error=error)) from error

    def _join(self, process: Process, processes: Sequence[Process], max_silence: float) -> None:
        while process.exitcode is None and not self._stopped:
            with self.interrupts.allowed():
                process.join(POLL_INTERVAL)
            if process.exitcode is None and (why := self._reason_to_stop(processes, max_silence)):
                self._stopped = True
                self.recorder(LAB).record(STOP, why=why)
        self.on_actor_end()

    def _reason_to_stop(self, processes: Sequence[Process], max_silence: float) -> str:
        """Return why the run cannot go on; empty if it can."""
        events, now = self.log.events(), time.monotonic()
        if len(events) != self._progress[0]:
            self._progress = (len(events), now)
        if self._is_deadlocked(events):
            return DEADLOCKED
        timeout = max_silence + (STALL_TIMEOUT if self.fault_plan is None else FAULT_TIMEOUT)
        expected = self.fault_plan is not None or any(process.exitcode for process in processes)
        return STALLED if expected and now - self._progress[1] > timeout else ""
