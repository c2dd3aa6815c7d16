"""Actors that are parents."""

from __future__ import annotations

import multiprocessing
from typing import Any

from lab.runtime import children
from lab.runtime.context import Context


def process_class(ctx: Context) -> Any:
    """Return the class with which an actor starts processes of its own; it travels to the actor.

    On this machine they are forked, as in the course. A fork server of the actor's own would first have to import all
    that the lab's has imported.
    """
    if ctx.Process is multiprocessing.get_context(children.METHOD).Process:
        return multiprocessing.get_context("fork").Process
    return ctx.Process
