"""The interpreter process of a program: makes a namespace the program's own, as `python FILE` does."""

from __future__ import annotations

import fcntl
import io
import multiprocessing
import os
import select
import signal
import sys
import traceback
from multiprocessing import util
from types import CodeType, FrameType, TracebackType
from typing import Any

from lab.programs import contexts, pools, providers, twins
from lab.programs.instrumentation import plan_faults, record_processes
from lab.programs.recording import record
from lab.programs.run_config import RunConfig

EXIT_TIMEOUT = 8  # seconds for the clean-up after a signal, also if the server died with the lab
EXIT_FUNCTION = util._exit_function.__code__  # type: ignore[attr-defined]
AFTER_CHILDREN = -1  # as in `providers`, whose finalizers come after this one


def load_program(namespace: dict[str, Any]) -> CodeType:
    """Return the program's code, to be run in `namespace`; its imports from `multiprocessing` come from the backend.

    Called again in each child that is started with spawn or forkserver, where the module's name is `__mp_main__`.
    """
    config = RunConfig.from_environment()
    for name in [name for name in namespace if name not in ("__name__", "__spec__", "__builtins__")]:
        del namespace[name]
    namespace |= {"__file__": config.program, "__doc__": None}
    namespace |= {"__package__": None, "__cached__": None, "__loader__": None}
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Whole lines, in the order in which several processes print them, also with PYTHONUNBUFFERED.
            stream.reconfigure(line_buffering=True, write_through=False)
    contexts.install(_make_provider(config))
    if namespace["__name__"] == "__main__":
        _set_up_main_process(config)
    with open(config.program, "rb") as file:
        return compile(file.read(), config.program, "exec", dont_inherit=True)


def _make_provider(config: RunConfig) -> providers.LocalProvider:
    if config.backend == "rq":
        from lab.programs.rq_provider import RqProvider  # imports RQ, which the other backends do not need

        return RqProvider(config)
    if config.backend == "redis":
        return providers.RedisProvider(config, pools.CLASSES | twins.TWINS)
    return providers.LocalProvider(config, pools.CLASSES)


def _set_up_main_process(config: RunConfig) -> None:
    os.chdir(config.folder)
    sys.argv[0] = config.program
    sys.path[0] = str(config.folder)
    sys.excepthook = lambda kind, error, trace: traceback.print_exception(
        kind, error, _program_frames(trace, config.program)
    )
    multiprocessing.set_start_method(None, force=True)  # the program chooses; the lab's imports may have set one
    util.Finalize(None, record, args=("ends run",), exitpriority=AFTER_CHILDREN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup, SIGHUP is ignored
            signal.signal(number, _terminate)
    _terminate_with_lab(config.parent_pipe)
    if config.backend != "local" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    os.register_at_fork(after_in_child=_restore_signal_handlers)
    record_processes()
    if config.plan:
        plan_faults(config.plan.by_start())
    record("starts run")


def _program_frames(trace: TracebackType | None, path: str) -> TracebackType | None:
    """Return a traceback without the lab's own frames."""
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    return trace


def _terminate_with_lab(parent_pipe: int) -> None:
    """Terminate this process when the lab has ended, which `parent_pipe` shows."""
    # A signal and not a thread that reads the pipe: a program that forks should have one thread.
    signal.signal(signal.SIGIO, _terminate)
    fcntl.fcntl(parent_pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(parent_pipe, fcntl.F_SETFL, fcntl.fcntl(parent_pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([parent_pipe], [], [], 0)[0]:  # the lab has ended already
        _terminate(signal.SIGTERM, None)


def _restore_signal_handlers() -> None:
    """Give a forked child Python's own handlers."""
    for number, ours, default in (
        (signal.SIGTERM, _terminate, signal.SIG_DFL),
        (signal.SIGHUP, _terminate, signal.SIG_DFL),
        (signal.SIGINT, _interrupt, signal.default_int_handler),
    ):
        if signal.getsignal(number) is ours:
            signal.signal(number, default)


def _terminate(number: int, _: FrameType | None) -> None:
    """End the program and its children, as Python's own handling of SIGTERM would leave the children behind."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(EXIT_TIMEOUT)
    providers.terminate_children()
    record("ends run")
    providers.close()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _runs_finalizers(frame):
        signal.default_int_handler(number, frame)


def _runs_finalizers(frame: FrameType | None) -> bool:
    """Return whether an exception in `frame` would leave behind what finalizers delete."""
    # multiprocessing's exit function may be interrupted before its first statement says that the process is exiting.
    return util.is_exiting() or (frame is not None and frame.f_code is EXIT_FUNCTION)
