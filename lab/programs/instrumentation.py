"""Instrumentation of a program: its primitives become recording proxies, its processes record their start and end."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from multiprocessing import current_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lab.programs.naming import MAIN, name_primitive
from lab.programs.proxies import PROXIES, limit_of
from lab.programs.recording import is_recording, record, set_fault
from lab.runtime.fault_plan import Fault

_start, _join, _terminate = BaseProcess.start, BaseProcess.join, BaseProcess.terminate
_places = itertools.count(1)  # of the processes that the main process starts
_faults: Mapping[int, Fault] = {}  # by place


def instrument(name: str, original: Any, folder: Path) -> Any:
    """Return the recording version of `original`, which multiprocessing calls `name`; itself if it has none.

    `folder` is the program's.
    """
    if not is_recording() or name not in PROXIES:
        return original
    return functools.partial(_create, name, original, folder)


def _create(name: str, factory: Callable[..., Any], folder: Path, *args: Any, **kwargs: Any) -> Any:
    kind, proxy = PROXIES[name]
    label = name_primitive(name, folder)
    created = factory(*args, **kwargs)
    record("creates", label, why=kind, value=limit_of(kind, *args, **kwargs))
    return tuple(proxy(end, label) for end in created) if name == "Pipe" else proxy(created, label)


def record_processes() -> None:
    """Make every process that this one starts record its start and its end, also those of a pool or an executor.

    Their classes stay multiprocessing's or those of `jobs`, so that a program can derive from them.
    """
    if is_recording():
        BaseProcess.start = _start_recorded  # type: ignore[method-assign, assignment]
        BaseProcess.join = _join_recorded  # type: ignore[method-assign, assignment]
        BaseProcess.terminate = _terminate_recorded  # type: ignore[method-assign, assignment]


def plan_faults(faults: Mapping[int, Fault]) -> None:
    """Make the processes that the main process starts meet these faults, by their places in that order."""
    global _faults
    _faults = faults


def _start_recorded(process: BaseProcess) -> None:
    """Wrap `run`, which the child calls, while the process is being started."""
    run = vars(process).get("run")
    fault = _faults.get(next(_places)) if current_process().name == MAIN else None
    process.run = functools.partial(_run_recorded, process.run, fault)  # type: ignore[method-assign, assignment]
    try:
        _start(process)
    finally:
        del process.run
        if run is not None:
            process.run = run  # type: ignore[method-assign]


def _join_recorded(process: BaseProcess, timeout: float | None = None) -> None:
    record("waits", process.name, value=None if timeout is None else 0)
    try:
        _join(process, timeout)
    finally:
        code = process.exitcode
        record("times out" if code is None else "joins", process.name, value=code)


def _terminate_recorded(process: BaseProcess) -> None:
    _terminate(process)
    record("terminates", process.name)


def _run_recorded(run: Callable[[], object], fault: Fault | None) -> object:
    set_fault(fault)
    record_processes()  # in a process that is started with spawn, or is a job, nobody else has called it
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
