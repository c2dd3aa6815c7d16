"""The provider of a program whose processes are RQ jobs: a job finds the program's names on its worker, too."""

from __future__ import annotations

import multiprocessing.pool
import sys
from abc import ABCMeta
from collections.abc import Callable, Iterable
from multiprocessing.context import BaseContext
from typing import Any

import rq

import broker
import jobs
from jobs.children import WorkerSource
from jobs.exchange import queues
from jobs.pool import Pool
from lab.programs import contexts, import_hook, primitives, providers, twins
from lab.programs.run_config import RunConfig

PROCESSES = {"Process": None, "ForkProcess": "fork", "SpawnProcess": "spawn", "ForkServerProcess": "forkserver"}


class JobContext(jobs.Context):
    """The context of a program's process; unpickled in a job, it becomes the context of the job's process."""

    def __init__(self, config: RunConfig, method: str | None) -> None:
        super().__init__(config.url, queue=config.queue, method=method)
        self._config = config
        if config.own_workers:
            self._workers = WorkerSource("--workers", config.workers)

    def enqueue(self, job_name: str, job_id: str, function: Callable[..., object], *args: object) -> rq.job.Job:
        """Enqueue a call of `function`, in which the program's names are available."""
        return super().enqueue(job_name, job_id, run_in_job, self._config.to_json(), function, *args)

    def __reduce__(self) -> tuple[object, ...]:
        return providers.current_context, (self._method,)


class SimpleQueue(primitives.Created, queues.SimpleQueue):
    """`multiprocessing.SimpleQueue`."""


class Queue(primitives.Created, queues.Queue):
    """`multiprocessing.Queue`."""


class JoinableQueue(primitives.Leased, Queue, queues.JoinableQueue):
    """`multiprocessing.JoinableQueue`."""


class JobPool(Pool, metaclass=ABCMeta):
    """`multiprocessing.pool.Pool`; as there, a `ThreadPool` is an instance of it."""

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: BaseContext | None = None,
    ) -> None:
        super().__init__(_job_context(context), processes, initializer, initargs, maxtasksperchild)


JobPool.register(multiprocessing.pool.ThreadPool)


class ProcessPoolExecutor(jobs.Executor):
    """`concurrent.futures.ProcessPoolExecutor`."""

    def __init__(
        self, max_workers: int | None = None, mp_context: BaseContext | None = None, *args: Any, **options: Any
    ) -> None:
        if mp_context is None and options.get("max_tasks_per_child") is not None:
            mp_context = contexts.get_context("spawn")  # as the standard library's
        super().__init__(max_workers, _job_context(mp_context), *args, **options)


class _WithProcess:
    """A job context whose processes are of the class that a program has given its own context."""

    def __init__(self, context: Any, process: type) -> None:
        self.Process = process
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _job_context(given: BaseContext | None) -> Any:
    context = providers.current_context(given.get_start_method() if given else None)
    own_process = contexts.own_process(given)
    return _WithProcess(context, own_process) if own_process else context


class RqProvider(providers.RedisProvider):
    """Provides RQ jobs as processes, and Redis-backed primitives."""

    def __init__(self, config: RunConfig) -> None:
        own = (SimpleQueue, Queue, JoinableQueue, ProcessPoolExecutor)
        super().__init__(config, twins.TWINS | {each.__name__: each for each in own} | {"Pool": JobPool})

    def resolve(self, name: str, original: Any, method: str | None) -> Any:
        """Return what the program gets instead of `original`, which multiprocessing calls `name`."""
        if name in PROCESSES:
            return self.context(method or PROCESSES[name]).Process
        return super().resolve(name, original, method)

    def new_context(self, method: str | None) -> broker.Context:
        """Return a new context."""
        return JobContext(self.config, method)


def run_in_job(config: str, function: Callable[..., object], *args: object) -> object:
    """Call `function` with the program's names available; the worker calls this for each of a program's jobs."""
    run_config = RunConfig.from_json(config)
    contexts.install(RqProvider(run_config))
    sys.path.insert(0, str(run_config.folder))
    try:
        return function(*args)
    finally:
        sys.path.remove(str(run_config.folder))
        import_hook.uninstall()
