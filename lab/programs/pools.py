"""Pools whose processes run on this machine: they take a program's context, and use multiprocessing's inside."""

from __future__ import annotations

import concurrent.futures
import multiprocessing.pool
from abc import ABCMeta
from collections.abc import Callable, Iterable
from multiprocessing.context import BaseContext
from typing import Any

from lab.programs.contexts import unreplaced


class Pool(multiprocessing.pool.Pool, metaclass=ABCMeta):
    """`multiprocessing.pool.Pool`; as there, a `ThreadPool` is an instance of it."""

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: BaseContext | None = None,
    ) -> None:
        super().__init__(processes, initializer, initargs, maxtasksperchild, unreplaced(context))


Pool.register(multiprocessing.pool.ThreadPool)


class ProcessPoolExecutor(concurrent.futures.ProcessPoolExecutor):
    """`concurrent.futures.ProcessPoolExecutor`."""

    def __init__(
        self, max_workers: int | None = None, mp_context: BaseContext | None = None, *args: Any, **options: Any
    ) -> None:
        super().__init__(max_workers, unreplaced(mp_context), *args, **options)


CLASSES = {"Pool": Pool, "ProcessPoolExecutor": ProcessPoolExecutor}
