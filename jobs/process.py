"""A process that is an RQ job.

What its parent needs to know goes through the broker: an event says that the job has begun, and the job holds a
lock for as long as it lives, under a lease, so that a job that died with its worker or its host is known to be dead
when the lease ends.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import cloudpickle
import rq
from rq.exceptions import NoSuchJobError

from broker.event import Event
from broker.lock import Lock

if TYPE_CHECKING:
    from jobs.context import Context

LIFE = 5.0  # seconds after which a job that no longer renews its lease is dead
GLANCE = 1.0  # seconds between looks at a job that has not begun: RQ fails one that the worker cannot import

_numbers = itertools.count(1)


class Process:
    """`multiprocessing.Process` on an RQ worker: the target and its arguments travel by value, handles by name.

    The worker's host needs this project and whatever modules the target imports; what is defined in `__main__` is
    sent along. Made by a `jobs.Context`, as `context.Process`.
    """

    _context: ClassVar[Context]

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if group is not None:
            raise AssertionError("group argument must be None for now")
        self.name = name or f"Process-{next(_numbers)}"
        self._call = (target, tuple(args), dict(kwargs or {}))
        self._id = uuid.uuid4().hex
        self._begun, self._life = signs_of_life(self._context.url, self._id)
        self._job: rq.job.Job | None = None
        self._exitcode: int | None = None

    def start(self) -> None:
        """Put the job on the queue; it runs as soon as a worker is free."""
        if self._job is not None:
            raise AssertionError("cannot start a process twice")
        payload = cloudpickle.dumps(self._call)
        self._job = self._context.enqueue(self.name, self._id, run, payload, self._context.url)
        self._context.adopt(self._begun, self._life)

    def join(self, timeout: float | None = None) -> None:
        """Wait until the job has ended or died, `timeout` seconds at most."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        self._started_job()
        while self._exitcode is None and not self._begun.wait(min(GLANCE, deadline - time.monotonic())):
            if self._never_begins():
                self._exitcode = 1
            if time.monotonic() >= deadline:
                return
        left = None if timeout is None else max(0.0, deadline - time.monotonic())
        if self._exitcode is None and self._life.acquire(timeout=left):
            self._life.release()
            self._exitcode = self._last_words()

    def is_alive(self) -> bool:
        """Return whether the job is waiting for a worker or running."""
        return self._job is not None and self.exitcode is None

    @property
    def exitcode(self) -> int | None:
        """0 after a return, 1 after an exception, else what `sys.exit` got; -9 if it vanished. None until it ended."""
        if self._exitcode is None and self._job is not None:
            self.join(timeout=0)
        return self._exitcode

    @property
    def pid(self) -> int | None:
        """The process id on `host`; None until the job has begun."""
        return self._meta().get("pid")

    @property
    def host(self) -> str | None:
        """The name of the host that runs the job; None until the job has begun."""
        return self._meta().get("host")

    def __repr__(self) -> str:
        return f"<Process {self.name!r} on queue {self._context.queue!r}>"

    def _started_job(self) -> rq.job.Job:
        if self._job is None:
            raise AssertionError("can only join a started process")
        return self._job

    def _meta(self) -> dict[str, Any]:
        if self._job is None:
            return {}
        try:
            return dict(self._job.get_meta(refresh=True))
        except NoSuchJobError:
            return {}

    def _never_begins(self) -> bool:
        try:
            return bool(self._started_job().get_status(refresh=True) == rq.job.JobStatus.FAILED)
        except NoSuchJobError:
            return True

    def _last_words(self) -> int:
        return int(self._meta().get("exitcode", -signal.SIGKILL))


def run(payload: bytes, url: str) -> None:
    """Run a process's target; this is the function that the worker calls."""
    job = rq.get_current_job()
    assert job is not None, "only an RQ worker calls this"
    begun, life = signs_of_life(url, job.id)
    with life:
        job.meta |= {"pid": os.getpid(), "host": socket.gethostname()}
        job.save_meta()
        begun.set()
        exitcode = 1
        try:
            target, args, kwargs = cloudpickle.loads(payload)
            if target is not None:
                target(*args, **kwargs)
            exitcode = 0
        except SystemExit as end:
            exitcode = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            job.meta["exitcode"] = exitcode
            job.save_meta()


def signs_of_life(url: str, identity: str) -> tuple[Event, Lock]:
    """Return the event that a job sets when it begins, and the lock that it holds for as long as it lives."""
    return Event(url, f"begun-{identity}"), Lock(url, f"life-{identity}", lease=LIFE)
