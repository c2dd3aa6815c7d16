"""The lab's child processes: what they are forked from, what they need, and their end."""

from __future__ import annotations

import multiprocessing
import resource
import signal
from multiprocessing import forkserver, resource_tracker
from typing import Final

from lab.errors import LabError

# A fork of this process would take its threads' locks along, and a fresh interpreter for each child costs too much:
# children are forked from a process of one thread that has imported all they need.
METHOD: Final = "forkserver"
PRELOAD = ["lab.cli.main"]
FILES_PER_CHILD = 2  # that this process keeps open
OTHER_FILES = 64


def prepare(count: int) -> None:
    """Start what children are forked from; raise `LabError` if this machine does not allow `count` of them.

    They are deaf to Ctrl-C, which is for the lab: it ends them.
    """
    _allow_files(FILES_PER_CHILD * count + OTHER_FILES)
    multiprocessing.set_forkserver_preload(PRELOAD)
    resource_tracker.ensure_running()  # or else starting the server would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    first = multiprocessing.get_context(METHOD).Process(target=_nothing)
    first.start()  # the imports are over when it ends, and no run's clock counts them
    first.join()


def end() -> None:
    """End all children that still run."""
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join()


def _allow_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if needed <= soft or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise LabError(f"so many processes need {needed} open files of {hard}; take fewer, or raise ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _nothing() -> None:
    pass
