"""The backends: each creates a context, a log and a store for one run, and deletes them afterwards."""

from __future__ import annotations

import functools
import multiprocessing
import shutil
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from gettext import gettext as _
from gettext import ngettext
from pathlib import Path

import broker
import jobs
from broker.errors import ServerUnavailableError
from jobs.exchange.worker_list import list_workers
from lab.errors import LabError
from lab.exercise import Exercise
from lab.formatting import join_list
from lab.runtime import children
from lab.runtime.event_log import EventLog, FileLog, StreamLog
from lab.runtime.fault_plan import LEASE, LEASED, FaultPlan
from lab.runtime.run import Run
from lab.runtime.store import FileStore, RedisStore, Store

QUEUE = "lab"
DEFAULT_WORKERS, MAX_WORKERS = 8, 64  # that the lab starts for a run


@dataclass(frozen=True)
class Settings:
    """Which Redis server to use, how many RQ workers to start if none are running, and which faults are to happen."""

    url: str = field(default="", repr=False)  # it may hold a password
    server: str | None = None
    workers: int = DEFAULT_WORKERS
    faults: FaultPlan | None = None
    log_url: str = field(default="", repr=False)  # the server of what is recorded, if it is another one


def require_workers(exercise: Exercise, backends: Collection[str], settings: Settings) -> None:
    """Raise `LabError` if the running workers cannot run the exercise: they are too few, or on too many hosts."""
    running = [worker for worker in list_workers(settings.url, QUEUE) if worker.responds] if "rq" in backends else []
    count, needed, hosts = len(running), exercise.min_workers, sorted({worker.host for worker in running})
    if 0 < count < needed:
        missing, smaller = needed - count, exercise.options_for(count)
        too_few = ngettext(
            "{name} needs {needed} workers at the same time, and {count} is running on queue {queue}",
            "{name} needs {needed} workers at the same time, and {count} are running on queue {queue}",
            count,
        ).format(name=exercise.name, needed=needed, count=count, queue=QUEUE)
        what_to_do = (
            _("start {missing} more with `lab worker -n {missing}`, or use {smaller}")
            if smaller
            else _("start {missing} more with `lab worker -n {missing}`")
        )
        raise LabError(f"{too_few}: {what_to_do.format(missing=missing, smaller=smaller)}")
    if exercise.single_host and len(hosts) > 1:
        several = _(
            "{name} --how {variant} passes connections between processes, which works on one host only, and workers "
            "are running on {hosts}: run them on one host, or use another --how"
        )
        raise LabError(several.format(name=exercise.name, variant=exercise.variant, hosts=join_list(hosts)))


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
        yield Run(multiprocessing.get_context(children.START_METHOD), FileLog(folder / "trace"), make_store)
    finally:
        children.terminate()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis(exercise: Exercise, settings: Settings) -> Iterator[Run]:
    """Run on local processes with Redis-backed primitives."""
    children.prepare(exercise.actors)
    with (
        _redis_data(settings) as (log, make_store),
        broker.get_context(settings.url, method=children.START_METHOD) as ctx,
    ):
        _set_leases(ctx, settings)
        try:
            yield Run(ctx, log, make_store, server=settings.server, url=settings.url)
        finally:
            children.terminate()


class _JobContext(jobs.Context):
    """A context for the actors of an exercise."""

    _workers = None  # the comparison says what too few workers have changed


@contextmanager
def rq(exercise: Exercise, settings: Settings) -> Iterator[Run]:
    """Run as RQ jobs: on the workers that are running, on any host; if there are none, on new local workers."""
    running = jobs.worker_count(settings.url, QUEUE)
    count = running or max(settings.workers, exercise.min_workers)
    queue = QUEUE if running else f"{QUEUE}-{uuid.uuid4().hex}"  # workers that end with this run get only its jobs
    workers = nullcontext() if running else jobs.Workers(settings.url, queue, count, preload=["lab.exercises"])
    # The context is closed before the workers end: they still have to finish their jobs and delete them. At a Ctrl-C
    # the lab terminates the actors, as those on the other backends.
    ctx = _JobContext(settings.url, queue=queue, forward_interrupts=False)
    ctx.check()
    _set_leases(ctx, settings)
    with workers, _redis_data(settings) as (log, make_store), ctx:
        yield Run(ctx, log, make_store, workers=count, server=settings.server, url=settings.url)


Backend = Callable[[Exercise, Settings], AbstractContextManager[Run]]
BACKENDS: dict[str, Backend] = {"local": local, "redis": redis, "rq": rq}


def _set_leases(ctx: broker.Context, settings: Settings) -> None:
    """Give what the context creates a short lease if faults are to happen."""
    for name in LEASED if settings.faults else ():
        setattr(ctx, name, functools.partial(getattr(ctx, name), lease=LEASE))


@contextmanager
def _redis_data(settings: Settings) -> Iterator[tuple[EventLog, Callable[[int], Store]]]:
    """Create a run's log and store on their server, and delete them; an actor that still runs gets `RunEndedError`."""
    prefix = f"lab:{uuid.uuid4().hex}"
    url = settings.log_url or settings.url
    log, store = StreamLog(url, f"{prefix}:trace"), RedisStore(url, f"{prefix}:db")

    def make_store(count: int) -> Store:
        store.create(count)
        return store

    log.create()
    try:
        yield log, make_store
    finally:
        with suppress(ServerUnavailableError):  # the keys expire
            log.delete()
            store.delete()
