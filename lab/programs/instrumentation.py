"""Instrumentation of a program: its primitives become recording proxies, its processes record their start and end."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from multiprocessing import current_process, managers
from multiprocessing.process import BaseProcess
from typing import Any
from weakref import WeakSet

from broker.managers import BaseManager
from lab.programs.kinds import KINDS, MANAGED, RAW_VALUE, VALUE, Kind
from lab.programs.naming import MAIN, name_primitive
from lab.programs.proxies import RecordingProxy, RLockProxy, limit_of, primitive_of
from lab.programs.recording import is_recording, program_folder, record, set_fault
from lab.runtime.fault_plan import Fault

_start, _join, _terminate = BaseProcess.start, BaseProcess.join, BaseProcess.terminate
_places = itertools.count(1)  # of the processes that the main process starts
_of_managers = WeakSet[BaseProcess]()
_faults: Mapping[int, Fault] = {}  # by place


def instrument(name: str, original: Any) -> Any:
    """Return the recording version of `original`, which multiprocessing calls `name`; itself if it has none."""
    if not is_recording():
        return original
    if name == "Manager":
        return lambda *args, **kwargs: _Manager(original(*args, **kwargs), name)
    kind = KINDS.get(name)
    return functools.partial(_create, name, kind, original) if kind else original


class _Manager(RecordingProxy):
    """A manager that creates recorded objects; it is not recorded itself."""

    def __getattr__(self, name: str) -> Any:
        found, kind = super().__getattr__(name), MANAGED.get(name)
        return functools.partial(_create, name, kind, found) if kind else found

    def __enter__(self) -> _Manager:
        self._primitive.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._primitive.__exit__(*raised)


def _create(name: str, kind: Kind, factory: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    label = name_primitive(name, program_folder())
    created = factory(*map(primitive_of, args), **{key: primitive_of(value) for key, value in kwargs.items()})
    if kind is VALUE and not hasattr(created, "acquire"):
        kind = RAW_VALUE
    record("creates", label, why=kind.name, value=limit_of(kind.name, *args, **kwargs))
    if name == "Pipe":
        return tuple(kind.proxy(end, label) for end in created)
    return kind.proxy(created, label, *([_lock_of(created, label, kind.lock(args, kwargs))] if kind.lock else []))


def _lock_of(created: Any, label: str, given: Any) -> Any:
    """Return what records the lock of a condition or a value: one of its own, or the one that it was given."""
    if hasattr(given, "acquire"):
        return given
    name = f"lock of {label}"
    record("creates", name, why="lock", value=1)
    # A managed condition of multiprocessing has only the lock's methods.
    lock = created.get_lock() if hasattr(created, "get_lock") else getattr(created, "_lock", created)
    return RLockProxy(lock, name)


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
    if _is_of_manager(process):
        _of_managers.add(process)
        _start(process)
        return
    run = vars(process).get("run")
    fault = _faults.get(next(_places)) if current_process().name == MAIN else None
    process.run = functools.partial(_run_recorded, process.run, fault)  # type: ignore[method-assign, assignment]
    try:
        _start(process)
    finally:
        del process.run
        if run is not None:
            process.run = run  # type: ignore[method-assign]


def _is_of_manager(process: BaseProcess) -> bool:
    """Return whether a process holds the objects of a manager: it does nothing by itself."""
    target = getattr(process, "_target", None)
    serving: Any = (managers.BaseManager._run_server, BaseManager._serve)  # type: ignore[attr-defined]
    return getattr(target, "__func__", None) in [each.__func__ for each in serving]


def _join_recorded(process: BaseProcess, timeout: float | None = None) -> None:
    if process in _of_managers:
        _join(process, timeout)
        return
    record("waits", process.name, value=None if timeout is None else 0)
    try:
        _join(process, timeout)
    finally:
        code = process.exitcode
        record("times out" if code is None else "joins", process.name, value=code)


def _terminate_recorded(process: BaseProcess) -> None:
    _terminate(process)
    if process not in _of_managers:
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
