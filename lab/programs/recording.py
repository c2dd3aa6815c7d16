"""How the processes of a program record events in the run's log; without a log, nothing is recorded."""

from __future__ import annotations

import threading
from multiprocessing import current_process
from typing import Any

from lab.runtime.event_log import EventLog
from lab.runtime.fault_injection import Injector
from lab.runtime.fault_plan import Fault
from lab.runtime.recorder import Recorder

_log: EventLog | None = None
_injector = Injector()


def set_log(log: EventLog | None) -> None:
    """Make this process record in `log` from now on; with None, record nothing."""
    global _log
    _log = log


def set_fault(fault: Fault | None) -> None:
    """Give this process its fault, or none: a forked child does not meet its parent's."""
    global _injector
    _injector = Injector(fault)


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
    Recorder(_log, who, _injector).record(what, on=on, **more)
