"""Actors that start processes of their own."""

from __future__ import annotations

import multiprocessing
from typing import Any

from lab.runtime import children
from lab.runtime.context import Context


def child_process_class(ctx: Context) -> Any:
    """Return the class of the processes that an actor starts; it can be passed to the actor.

    On this machine they are forked, as in the course. With forkserver, the actor would start its own fork server, which
    would first import all that the lab's has imported.
    """
    if ctx.Process is multiprocessing.get_context(children.START_METHOD).Process:
        return multiprocessing.get_context("fork").Process
    return ctx.Process
