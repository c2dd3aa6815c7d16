"""One recorded run of a program on one backend: its exit code, its output and its trace."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from gettext import gettext as _
from pathlib import Path
from typing import Any

from lab.checks import metrics
from lab.programs import launch
from lab.programs.folder_copy import copy_folder
from lab.programs.naming import MAIN
from lab.programs.run_config import RunConfig
from lab.programs.usage import Usage, usage_by_primitive
from lab.runtime.event_log import EventLog, FileLog, StreamLog
from lab.runtime.fault_plan import FaultPlan
from lab.runtime.interrupts import Interrupts
from lab.runtime.recorder import Recorder
from lab.runtime.versions import installed_versions
from lab.trace import LAB, STOP, Trace

LIMIT, INTERRUPT = "limit", "interrupt"  # why a run is stopped
GRACE = 10.0  # seconds from a SIGTERM to a SIGKILL


@dataclass(frozen=True)
class ProgramRun:
    """What a program did on a backend; `output` is None for a saved trace, which does not contain it."""

    trace: Trace
    output: str | None
    repeats: tuple[ProgramRun, ...] = ()  # all runs, of which this one is the median, if it was repeated

    @property
    def each(self) -> tuple[ProgramRun, ...]:
        """All runs; itself, if it was not repeated."""
        return self.repeats or (self,)

    def values(self, figure: Callable[[ProgramRun], Any]) -> list[Any]:
        """Return a figure of each run that has it, the smallest first."""
        return sorted(value for run in self.each if (value := figure(run)) is not None)

    @cached_property
    def exit_code(self) -> int | None:
        """The program's exit code; None if it was stopped at the time limit or interrupted."""
        return next((event.value for event in self.trace.of("joins") if (event.who, event.on) == (LAB, MAIN)), None)

    @property
    def backend(self) -> str:
        """Where it ran."""
        return self.trace.backend

    @cached_property
    def lines(self) -> Counter[str]:
        """The lines that it printed, in any order, with `PID` in place of its processes' IDs."""
        pids = {str(event.pid) for event in self.trace.events}
        text = re.sub(r"\d+", lambda number: "PID" if number[0] in pids else number[0], self.output or "")
        return Counter(text.splitlines())

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped because the lab was asked to stop."""
        return any(event.why == INTERRUPT for event in self.trace.of(STOP))

    @property
    def how_it_ended(self) -> str:
        """Its exit code, or that it was stopped."""
        if self.exit_code is not None:
            return str(self.exit_code)
        return _("interrupted") if self.interrupted else _("stopped")

    @cached_property
    def children(self) -> Trace:
        """The trace without the program's main process."""
        return replace(self.trace, events=tuple(e for e in self.trace.events if e.who.partition("/")[0] != MAIN))

    @cached_property
    def usages(self) -> dict[str, Usage]:
        """How each primitive was used, by its name."""
        return usage_by_primitive(self.trace)

    @property
    def failures(self) -> int:
        """How many of its processes ended with an exception, or called `sys.exit` with another code than 0."""
        return len(self.trace.of("fails"))

    @property
    def elapsed(self) -> float:
        """Seconds from the program's first line to the end of its last process."""
        return metrics.elapsed(self.trace)


def summarize(runs: Sequence[ProgramRun]) -> list[ProgramRun]:
    """Return one run for each backend: the median by time, with all others."""
    groups: dict[str, list[ProgramRun]] = {}
    for run in runs:
        groups.setdefault(run.backend, []).append(run)
    return [_median(group) if len(group) > 1 else group[0] for group in groups.values()]


def _median(runs: list[ProgramRun]) -> ProgramRun:
    return replace(sorted(runs, key=lambda run: run.elapsed)[(len(runs) - 1) // 2], repeats=tuple(runs))


def run_program(
    program: Path,
    backend: str,
    url: str,
    workers: int | None,
    arguments: Sequence[str],
    limit: float | None,
    copies: Path,
    interrupts: Interrupts,
    faults: FaultPlan | None = None,
) -> ProgramRun:
    """Run a program on a backend, in a copy of its folder in `copies`.

    It is stopped after `limit` seconds, or when the lab is asked to stop, after which `interrupts` has received that.
    """
    with (
        copy_folder(program, copies) as copy,
        launch.prepare_run(copy, backend, url, workers, faults) as unrecorded,
        with_log(unrecorded) as (config, log),
        tempfile.TemporaryFile("w+", errors="replace") as output,
    ):
        with launch.start_interpreter(
            config, arguments, stdin=subprocess.DEVNULL, stdout=output, start_new_session=True
        ) as process:
            try:
                exit_code, reason = _wait(process, limit, interrupts)
                if reason:
                    Recorder(log, LAB).record(STOP, why=reason)
                else:
                    Recorder(log, LAB).record("joins", on=MAIN, value=exit_code)
            finally:
                _stop(process)
        output.seek(0)
        parameters = {"arguments": list(arguments), "limit": limit}
        trace = Trace(
            program.name,
            backend,
            parameters,
            log.events(),
            workers=config.workers or None,
            versions=installed_versions(),
            faults=faults.summary() if faults else None,
        )
        return ProgramRun(trace, output.read())


@contextmanager
def with_log(config: RunConfig) -> Iterator[tuple[RunConfig, EventLog]]:
    """Yield a configuration with a log, and the log: on the server or a file."""
    if config.logs_on_server:
        key = f"lab:{uuid.uuid4().hex}:trace"
        log = StreamLog(config.url, key)
        log.create()
        try:
            yield replace(config, log=key), log
        finally:
            log.delete()
    else:
        with tempfile.NamedTemporaryFile(prefix="lab-") as file:
            yield replace(config, log=file.name), FileLog(Path(file.name))


def _wait(process: subprocess.Popen[bytes], limit: float | None, interrupts: Interrupts) -> tuple[int | None, str]:
    """Return the exit code, or None and why it has to be stopped."""
    try:
        with interrupts.allowed():
            return process.wait(limit), ""
    except subprocess.TimeoutExpired:
        return None, LIMIT
    except KeyboardInterrupt:
        return None, INTERRUPT


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the program's remaining processes on this machine; the program terminates its jobs itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
