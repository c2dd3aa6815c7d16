"""What a process and a pool need of their context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rq.job import Job

from broker.engine.handle import Handle
from broker.engine.owner import Owner
from broker.messages.queues import SimpleQueue
from jobs.children import Children


class JobContext(Owner, Protocol):
    """Starts jobs; `jobs.Context` is one."""

    queue: str
    start_timeout: float | None
    Process: type[Any]

    @property
    def url(self) -> str:
        """The URL of the server."""

    @property
    def start_method(self) -> str:
        """How processes begin, as multiprocessing calls it."""

    def children(self) -> Children:
        """Return the jobs that this process has started."""

    def enqueue(self, job_name: str, job_id: str, function: Callable[..., object], *args: object) -> Job:
        """Enqueue a call of `function` as a job without a timeout; `job_name` is what `lab workers` shows."""

    def delete_on_close(self, *handles: Handle) -> None:
        """Delete these handles, too, when the context is closed."""

    def SimpleQueue(self) -> SimpleQueue:  # noqa: N802
        """Return a queue without timeouts."""
