"""Pools whose processes run on this machine: they take a program's context, and use multiprocessing's inside."""

from __future__ import annotations

import multiprocessing.pool
from collections.abc import Callable, Iterable
from multiprocessing.context import BaseContext
from typing import Any

from lab.programs.contexts import unreplaced


class Pool(multiprocessing.pool.Pool):
    """`multiprocessing.pool.Pool`."""

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: BaseContext | None = None,
    ) -> None:
        super().__init__(processes, initializer, initargs, maxtasksperchild, unreplaced(context))


CLASSES = {"Pool": Pool}
