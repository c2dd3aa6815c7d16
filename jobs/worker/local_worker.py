"""The RQ worker of `jobs.Workers`."""

from __future__ import annotations

from types import FrameType
from typing import Any

import rq

from jobs.worker.startup import Startup
from jobs.worker.worker import Worker


class LocalWorker(Worker):
    """A worker that reports to `startup` when it listens, and kills its current job on the first request to stop."""

    startup: Startup
    _has_ended = False

    def bootstrap(self, *args: Any, **options: Any) -> None:
        super().bootstrap(*args, **options)
        self.startup.report_listening()

    def teardown(self) -> None:
        self._has_ended = True  # a request to stop that comes later has nothing to interrupt but this
        super().teardown()  # type: ignore[no-untyped-call]

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        if self._has_ended:
            return
        self._stop_requested = True  # first: what RQ raises is lost if the signal interrupts a destructor
        self.kill_horse()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def _shutdown(self) -> None:
        rq.Worker._shutdown(self)  # at once, even while it waits for a job: no other program uses its queue
