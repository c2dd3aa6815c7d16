"""The provider of a program whose processes are RQ jobs: a job finds the program's names on its worker, too."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import rq

import broker
import jobs
from lab.programs import import_hook, providers
from lab.programs.run_config import RunConfig
from lab.programs.unsupported import UNSUPPORTED, refuse_on_use
from lab.programs.warning import warn_once

JOB_BACKED = ("Process", "Pool")


class JobContext(jobs.Context):
    """The context of a program's process; unpickled in a job, it becomes the context of the job's process."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config.url, queue=config.queue)
        self._config = config

    def enqueue(self, job_name: str, job_id: str, function: Callable[..., object], *args: object) -> rq.job.Job:
        """Enqueue a call of `function`, in which the program's names are available."""
        if len(self.active_children()) >= self._config.workers:
            warn_once(
                f"more processes are started than there are workers ({self._config.workers}): the others wait for a "
                "worker; --workers starts more"
            )
        return super().enqueue(job_name, job_id, run_in_job, self._config.to_json(), function, *args)

    def __reduce__(self) -> tuple[object, ...]:
        return providers.current_context, ()


class RqProvider(providers.RedisProvider):
    """Provides RQ jobs as processes, and Redis-backed primitives; other shared objects are refused when used."""

    def resolve(self, name: str, original: Any) -> Any:
        """Return what the program gets instead of `original`, which multiprocessing calls `name`."""
        if name in providers.REDIS_BACKED:
            return functools.partial(providers.create, name)
        if name in JOB_BACKED:
            return getattr(self.context(), name)
        return refuse_on_use(name) if name in UNSUPPORTED else original

    def new_context(self) -> broker.Context:
        """Return a new context."""
        return JobContext(self.config)


def run_in_job(config: str, function: Callable[..., object], *args: object) -> object:
    """Call `function` with the program's names available; the worker calls this for each of a program's jobs."""
    run_config = RunConfig.from_json(config)
    providers.install(RqProvider(run_config))
    sys.path.insert(0, str(run_config.folder))
    try:
        return function(*args)
    finally:
        sys.path.remove(str(run_config.folder))
        import_hook.uninstall()
