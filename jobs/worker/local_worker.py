"""The RQ worker that `jobs.Workers` starts."""

from __future__ import annotations

from types import FrameType
from typing import Any

import rq

from broker.locks.semaphore import Semaphore
from jobs.worker.worker import Worker


class PrivateWorker(Worker):
    """A worker that tells whoever started it when it listens, and whose first request to stop ends a running job."""

    ready: Semaphore

    def bootstrap(self, *args: Any, **options: Any) -> None:
        super().bootstrap(*args, **options)
        self.ready.release()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stop_requested = True  # first: what RQ raises is lost where the signal has interrupted a destructor
        self.kill_horse()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def _shutdown(self) -> None:
        rq.Worker._shutdown(self)  # at once: nobody else's jobs are on its queue
