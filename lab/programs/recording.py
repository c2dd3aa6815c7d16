"""How the processes of a program record events in the run's log; without a log, nothing is recorded."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections import Counter
from multiprocessing import current_process
from pathlib import Path
from typing import Any

from lab.programs.import_hook import is_program_file
from lab.runtime.event_log import EventLog
from lab.runtime.fault_injection import Injector
from lab.runtime.fault_plan import Fault
from lab.runtime.recorder import Recorder
from lab.runtime.source_line import source_line

INTERVAL = 0.1  # seconds
LAST = ("ends", "fails", "ends run")  # what a process records at its end

_log: EventLog | None = None
_folder = Path()
_injector = Injector()
_url = ""
_counts = Counter[tuple[str, str, str]]()  # by who, what and on what
_counted_until = 0.0  # no event before this time
_counting = threading.RLock()  # a signal's handler records, too


def set_log(log: EventLog | None, folder: Path, url: str) -> None:
    """Make this process record in `log` what the program in `folder` does from now on; with None, record nothing.

    `url` is that of the server of the program's primitives; it is empty if there is none.
    """
    global _log, _folder, _url
    _log, _folder, _url = log, folder, url
    _program_name.cache_clear()


def set_fault(fault: Fault | None) -> None:
    """Give this process its fault, or none: a forked child does not meet its parent's."""
    global _injector
    _injector = Injector(fault, _url)


def is_recording() -> bool:
    """Return whether this process records events."""
    return _log is not None


def program_folder() -> Path:
    """Return the folder of the program that this process runs."""
    return _folder


def record(what: str, on: str | None = None, **more: Any) -> None:
    """Record that the calling process, or its thread, did `what`."""
    if what in LAST:
        _record_counts()
    _record(_who(), what, on=on, **more)


def count(what: str, on: str) -> None:
    """Count that the calling process did `what`, for which there is an event at most every `INTERVAL` seconds.

    The event's value is how often it was done since the last one. What a process that is killed, or terminated, has
    counted since then is lost.
    """
    with _counting:
        _counts[_who(), what, on] += 1
        if time.monotonic() < _counted_until:
            return
    _record_counts()


def _record_counts() -> None:
    global _counted_until
    with _counting:
        counts = _counts.copy()
        _counts.clear()
        _counted_until = time.monotonic() + INTERVAL
    for (who, what, on), number in counts.items():
        _record(who, what, on=on, value=number)


def _record(who: str, what: str, **more: Any) -> None:
    if _log is not None:
        Recorder(_log, who, _injector).record(what, line=source_line(_program_name), **more)


def _who() -> str:
    thread = threading.current_thread()
    name = current_process().name
    return name if thread is threading.main_thread() else f"{name}/{thread.name}"


def _forget_counts() -> None:
    """In a forked child: they are its parent's, and another thread may have held the lock."""
    global _counting, _counted_until
    _counting, _counted_until = threading.RLock(), 0.0
    _counts.clear()


os.register_at_fork(after_in_child=_forget_counts)


@functools.cache
def _program_name(file: str) -> str | None:
    return str(Path(file).relative_to(_folder)) if is_program_file(file, _folder) else None
