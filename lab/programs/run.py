"""One run of a program on one backend, with its primitives recorded: how it ended, what it printed, what happened."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from lab.checks import metrics
from lab.programs import launch
from lab.programs.copies import copied
from lab.programs.recorded_names import MAIN
from lab.programs.run_config import Scene
from lab.programs.usage import Usage, usages
from lab.runtime.interrupts import Interrupts
from lab.runtime.logs import StreamLog
from lab.trace import Trace

GRACE = 5.0  # seconds from a SIGTERM to a SIGKILL


@dataclass(frozen=True)
class Performance:
    """What a program did on a backend; `code` is None if it was ended when its time was over."""

    trace: Trace
    code: int | None
    output: str

    @property
    def backend(self) -> str:
        """Where it ran."""
        return self.trace.backend

    @cached_property
    def lines(self) -> Counter[str]:
        """What it printed, whatever the order, with `PID` for the numbers of its processes."""
        pids = {str(event.pid) for event in self.trace.events}
        text = re.sub(r"\d+", lambda number: "PID" if number[0] in pids else number[0], self.output)
        return Counter(text.splitlines())

    @cached_property
    def children(self) -> Trace:
        """What others than the program's first process did."""
        return replace(self.trace, events=tuple(e for e in self.trace.events if e.who.partition("/")[0] != MAIN))

    @cached_property
    def usages(self) -> dict[str, Usage]:
        """How each primitive was used."""
        return usages(self.trace)

    @property
    def failures(self) -> int:
        """How many of its processes ended with an exception or an exit code of their own other than 0."""
        return len(self.trace.of("fails"))

    @property
    def elapsed(self) -> float:
        """Seconds from the program's first line to the end of its last process."""
        return metrics.elapsed(self.trace)


def perform(
    program: Path,
    backend: str,
    url: str,
    workers: int,
    arguments: Sequence[str],
    limit: float | None,
    place: Path,
    hark: Interrupts,
) -> Performance:
    """Run a program on a backend, in a copy of its folder in `place`, and return what it did.

    After `limit` seconds it is ended.
    """
    with (
        copied(program, place) as copy,
        launch.scene(copy, backend, url, workers) as bare,
        _recorded(bare) as scene,
        tempfile.TemporaryFile("w+", errors="replace") as output,
    ):
        with launch.started(
            scene, arguments, stdin=subprocess.DEVNULL, stdout=output, start_new_session=True
        ) as process:
            try:
                with hark.heard():
                    code = _wait(process, limit)
            finally:
                _end(process)
        output.seek(0)
        log = scene.open_log()
        events = log.events() if log is not None else ()
        parameters = {"arguments": list(arguments)}
        trace = Trace(program.name, backend, parameters, events, workers=scene.workers or None)
        return Performance(trace, code, output.read())


@contextmanager
def _recorded(scene: Scene) -> Iterator[Scene]:
    """Give a scene a log: of jobs, which may be on other hosts, on the server, else in a file."""
    if scene.backend == "rq":
        key = f"lab:{uuid.uuid4().hex}:trace"
        log = StreamLog(scene.url, key)
        log.create()
        try:
            yield replace(scene, log=key)
        finally:
            log.delete()
    else:
        with tempfile.NamedTemporaryFile(prefix="lab-") as file:
            yield replace(scene, log=file.name)


def _wait(process: subprocess.Popen[bytes], limit: float | None) -> int | None:
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs of the program's processes on this machine; it ends its jobs itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
