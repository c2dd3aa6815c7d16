"""How the processes of a program record events in the run's log; without a log, nothing is recorded."""

from __future__ import annotations

import functools
import threading
from multiprocessing import current_process
from pathlib import Path
from typing import Any

from lab.programs.import_hook import is_program_file
from lab.runtime.event_log import EventLog
from lab.runtime.fault_injection import Injector
from lab.runtime.fault_plan import Fault
from lab.runtime.recorder import Recorder
from lab.runtime.source_line import source_line

_log: EventLog | None = None
_folder = Path()
_injector = Injector()
_url = ""


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


def record(what: str, on: str | None = None, **more: Any) -> None:
    """Record that the calling process, or its thread, did `what`."""
    if _log is None:
        return
    who, thread = current_process().name, threading.current_thread()
    if thread is not threading.main_thread():
        who = f"{who}/{thread.name}"
    Recorder(_log, who, _injector).record(what, on=on, line=source_line(_program_name), **more)


@functools.cache
def _program_name(file: str) -> str | None:
    return str(Path(file).relative_to(_folder)) if is_program_file(file, _folder) else None
