"""Processes and threads that carry out a measurement together."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

TIMEOUT = 60.0  # seconds after which a measurement counts as stuck

# Each worker is a fresh process: it inherits no thread, connection or lease of an earlier measurement.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["bench.implementations", "bench.signals"])

Work = Callable[..., None]


@contextmanager
def start_workers(processes: int, threads: int, work: Work, *arguments: Any) -> Iterator[Barrier]:
    """Run `work(index, barrier, *arguments)` in that many threads of each of that many processes.

    Yield the barrier, of which the caller is a party. At the end of the block all processes must end by themselves;
    after an error none is left. Raises `threading.BrokenBarrierError` at the next barrier if one of them failed or is
    stuck.
    """
    barrier = CONTEXT.Barrier(processes * threads + 1, timeout=TIMEOUT)
    workers = [
        CONTEXT.Process(target=_worker, args=(rank * threads, threads, barrier, work, arguments), daemon=True)
        for rank in range(processes)
    ]
    try:
        for worker in workers:
            worker.start()
        yield barrier
        for worker in workers:
            worker.join(TIMEOUT)
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.kill()
                worker.join()


def _worker(first: int, threads: int, barrier: Barrier, work: Work, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent

    def run(index: int) -> None:
        try:
            work(index, barrier, *arguments)
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(first, first + threads)))
