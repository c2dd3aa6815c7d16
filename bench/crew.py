"""Processes and threads that carry out a measurement together."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

PATIENCE = 60.0  # seconds after which a measurement counts as stuck

# A fresh process for every member: no thread, connection or lease of an earlier measurement comes along with it.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["bench.contestants", "bench.gates"])

Body = Callable[..., None]


@contextmanager
def crew(processes: int, threads: int, body: Body, *arguments: Any) -> Iterator[Barrier]:
    """Run `body(index, barrier, *arguments)` in that many threads of each of that many processes.

    Yields the barrier, which the caller is one party of. On the way out every member must end by itself; after an
    error none is left. Raises `threading.BrokenBarrierError` at the next barrier if a member failed or is stuck.
    """
    barrier = CONTEXT.Barrier(processes * threads + 1, timeout=PATIENCE)
    members = [
        CONTEXT.Process(target=_member, args=(rank * threads, threads, barrier, body, arguments), daemon=True)
        for rank in range(processes)
    ]
    try:
        for member in members:
            member.start()
        yield barrier
        for member in members:
            member.join(PATIENCE)
    finally:
        for member in members:
            if member.is_alive():
                member.kill()
                member.join()


def _member(first: int, threads: int, barrier: Barrier, body: Body, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair

    def run(index: int) -> None:
        try:
            body(index, barrier, *arguments)
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(first, first + threads)))
