"""The RQ worker that `jobs.Workers` starts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import rq
from rq.executions import Execution
from rq.job import Job

from broker.semaphore import Semaphore
from jobs import horse
from jobs.child import running

PROCESS = f"{horse.run.__module__}.{horse.run.__qualname__}"


class Worker(rq.Worker):
    """RQ's worker, but whoever started it is told when it listens, and its first request to stop ends a running job.

    A job that is a process has a process of its own already, so it needs no work horse besides.
    """

    ready: Semaphore

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        super().bootstrap(*args, **kwargs)
        self.ready.release()

    def register_death(self) -> None:
        super().register_death()  # type: ignore[no-untyped-call]
        self.connection.delete(self.key)

    def execute_job(self, job: Job, queue: rq.Queue) -> None:
        if job.func_name != PROCESS:
            super().execute_job(job, queue)
            return
        execution = self.prepare_execution(job)
        with self._beating(job, execution):
            self.perform_job(job, queue, execution)
        self.set_state(rq.worker.WorkerStatus.IDLE)

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        if self.horse_pid:  # or else RQ would kill the group of this process
            super().kill_horse(sig)
        for child in list(running):
            child.signal(sig)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.kill_horse()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    @contextmanager
    def _beating(self, job: Job, execution: Execution) -> Iterator[None]:
        def beat() -> None:
            while not ended.wait(self.job_monitoring_interval):
                self.maintain_heartbeats(job, execution)

        ended = threading.Event()
        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
