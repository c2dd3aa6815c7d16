"""The backends: each opens a context, a log and a store for one run, and leaves nothing behind when that is over."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import broker
import jobs
from broker.errors import ServerUnavailableError
from jobs.exchange.worker_list import list_workers
from lab.errors import LabError
from lab.exercise import Exercise
from lab.runtime import children
from lab.runtime.logs import FileLog, Log, StreamLog
from lab.runtime.run import Run
from lab.runtime.store import FileStore, RedisStore, Store

QUEUE = "lab"


@dataclass(frozen=True)
class Settings:
    """Which Redis server to run on, and how many RQ workers to start there if none listen."""

    url: str = field(default="", repr=False)  # it may hold a password
    server: str | None = None
    workers: int = 8


def require_workers(exercise: Exercise, backends: Collection[str], settings: Settings) -> None:
    """Raise `LabError` if the workers that listen cannot run the exercise: too few at a time, or on too many hosts."""
    listening = [worker for worker in list_workers(settings.url, QUEUE) if worker.responds] if "rq" in backends else []
    count, needed, hosts = len(listening), exercise.min_workers, sorted({worker.host for worker in listening})
    if 0 < count < needed:
        missing, smaller = needed - count, exercise.options_for(count)
        raise LabError(
            f"{exercise.name} needs {needed} workers at the same time and {count} listen on queue {QUEUE}: "
            f"start {missing} more with `lab worker -n {missing}`{smaller and f', or take {smaller}'}"
        )
    if exercise.single_host and len(hosts) > 1:
        raise LabError(
            f"{exercise.name} --how {exercise.variant} hands connections from process to process, which no other host "
            f"can take, and workers listen on {', '.join(hosts)}: leave it to those of one host, or take another --how"
        )


@contextmanager
def local(exercise: Exercise, _: Settings) -> Iterator[Run]:
    """Run on multiprocessing alone."""
    children.prepare(exercise.actors)
    folder = Path(tempfile.mkdtemp(prefix="lab-"))

    def make_store(count: int) -> Store:
        store = FileStore(folder / "db")
        store.write(count)
        return store

    try:
        yield Run(multiprocessing.get_context(children.METHOD), FileLog(folder / "trace"), make_store)
    finally:
        children.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis(exercise: Exercise, settings: Settings) -> Iterator[Run]:
    """Run on local processes with Redis-backed primitives."""
    children.prepare(exercise.actors)
    with _keys(settings) as (log, make_store), broker.get_context(settings.url, method=children.METHOD) as ctx:
        try:
            yield Run(ctx, log, make_store, server=settings.server)
        finally:
            children.end()


@contextmanager
def rq(exercise: Exercise, settings: Settings) -> Iterator[Run]:
    """Run as RQ jobs: on the workers that listen already, on whatever host, else on local ones, enough of them."""
    listening = jobs.worker_count(settings.url, QUEUE)
    count = listening or max(settings.workers, exercise.min_workers)
    queue = (
        QUEUE if listening else f"{QUEUE}-{uuid.uuid4().hex}"
    )  # nobody else's jobs on workers that end with this run
    workers = nullcontext() if listening else jobs.Workers(settings.url, queue, count, preload=["lab.exercises"])
    # The context is closed first: workers that live end their jobs and put them away, dead ones leave them lying.
    with workers, _keys(settings) as (log, make_store), jobs.get_context(settings.url, queue=queue) as ctx:
        yield Run(ctx, log, make_store, server=settings.server, workers=count)


Backend = Callable[[Exercise, Settings], AbstractContextManager[Run]]
BACKENDS: dict[str, Backend] = {"local": local, "redis": redis, "rq": rq}


@contextmanager
def _keys(settings: Settings) -> Iterator[tuple[Log, Callable[[int], Store]]]:
    """Give a run its log and its store on the server, and delete them; an actor that still plays then is told."""
    prefix = f"lab:{uuid.uuid4().hex}"
    log, store = StreamLog(settings.url, f"{prefix}:trace"), RedisStore(settings.url, f"{prefix}:db")

    def make_store(count: int) -> Store:
        store.create(count)
        return store

    log.create()
    try:
        yield log, make_store
    finally:
        with suppress(ServerUnavailableError):  # then they expire
            log.delete()
            store.delete()
