"""The lab's child processes: the server that they are forked from, the limits that they need, and their end."""

from __future__ import annotations

import multiprocessing
import resource
import signal
from gettext import gettext as _
from multiprocessing import forkserver, resource_tracker
from typing import Final

from lab.errors import LabError

# A fork of this process would inherit locks that its threads hold, and a new interpreter for each child is too slow. So
# children are forked from a server process, which has one thread and has imported all modules.
START_METHOD: Final = "forkserver"
PRELOAD = ["lab.cli.main"]
FILES_PER_CHILD = 2  # that this process keeps open
OTHER_FILES = 64


def prepare(count: int) -> None:
    """Start the fork server; raise `LabError` if the limit on open files does not allow `count` children.

    The children ignore Ctrl-C: it reaches the lab, which terminates them.
    """
    _allow_files(FILES_PER_CHILD * count + OTHER_FILES)
    multiprocessing.set_forkserver_preload(PRELOAD)
    resource_tracker.ensure_running()  # otherwise starting the fork server would start it, and unblock the signal
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
    first = multiprocessing.get_context(START_METHOD).Process(target=_do_nothing)
    first.start()  # when it ends, the server has imported its modules, and no run's time includes that
    first.join()


def terminate() -> None:
    """Terminate all children that are still running."""
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
        too_many = _(
            "so many processes need {needed} open files, and the limit is {limit}; take fewer, or raise ulimit -n"
        )
        raise LabError(too_many.format(needed=needed, limit=hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _do_nothing() -> None:
    pass
