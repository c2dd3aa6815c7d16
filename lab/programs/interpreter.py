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

from lab.programs import providers
from lab.programs.recording import record
from lab.programs.run_config import Scene

LAST = 4  # seconds to end everything in, also if the server went with the lab
AFTER_CHILDREN = -1  # as in `names`, where what it leaves behind is removed after this


def enter(namespace: dict[str, Any]) -> CodeType:
    """Return the program's code, to be run in `namespace`; what it imports from `multiprocessing` is its backend's.

    Called again in each child that begins anew, where the module's name is `__mp_main__`.
    """
    scene = Scene.here()
    for name in [name for name in namespace if name not in ("__name__", "__spec__", "__builtins__")]:
        del namespace[name]
    namespace |= {"__file__": scene.path, "__doc__": None, "__package__": None, "__cached__": None, "__loader__": None}
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Lines of several processes come in the order of printing, and whole, also where PYTHONUNBUFFERED is set.
            stream.reconfigure(line_buffering=True, write_through=False)
    providers.install(_provider(scene))
    if namespace["__name__"] == "__main__":
        _begin(scene)
    with open(scene.path, "rb") as file:
        return compile(file.read(), scene.path, "exec", dont_inherit=True)


def _provider(scene: Scene) -> providers.Local:
    if scene.backend == "rq":
        from lab.programs.rq_context import Jobs  # imports RQ, which the other backends need not wait for

        return Jobs(scene)
    return providers.Redis(scene) if scene.backend == "redis" else providers.Local(scene)


def _begin(scene: Scene) -> None:
    os.chdir(scene.folder)
    sys.argv[0] = scene.path
    sys.path[0] = str(scene.folder)
    sys.excepthook = lambda kind, error, trace: traceback.print_exception(kind, error, _own(trace, scene.path))
    multiprocessing.set_start_method(None, force=True)  # the choice is the program's, and imports may have made one
    util.Finalize(None, record, args=("closes",), exitpriority=AFTER_CHILDREN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup's is
            signal.signal(number, _end)
    _end_with_lab(scene.lifeline)
    if scene.backend != "local" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    os.register_at_fork(after_in_child=_react_as_python)
    record("opens")


def _own(trace: TracebackType | None, path: str) -> TracebackType | None:
    """Return what of a traceback is the program's."""
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    return trace


def _end_with_lab(lifeline: int) -> None:
    # A thread that waits for the lab's end would be one too many where the program forks.
    signal.signal(signal.SIGIO, _end)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it has ended already
        _end(signal.SIGTERM, None)


def _react_as_python() -> None:
    for number, ours, default in (
        (signal.SIGTERM, _end, signal.SIG_DFL),
        (signal.SIGHUP, _end, signal.SIG_DFL),
        (signal.SIGINT, _interrupt, signal.default_int_handler),
    ):
        if signal.getsignal(number) is ours:
            signal.signal(number, default)


def _end(number: int, _: FrameType | None) -> None:
    # Python's own answer to SIGTERM leaves children behind.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LAST)
    providers.terminate_children()
    record("closes")
    providers.close()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if Scene.here().backend == "rq":
        providers.terminate_children()  # a terminal's Ctrl-C reaches every process of this machine, but no job
    if not util.is_exiting():  # or else its end would be broken off, before it has removed what it made
        signal.default_int_handler(number, frame)
