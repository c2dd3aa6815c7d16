"""The context of a program whose processes are RQ jobs: each job finds its program's names on its worker, too."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import rq

import broker
import jobs
from lab.programs import import_hook, providers
from lab.programs.notices import say
from lab.programs.run_config import Scene
from lab.programs.unsupported import LACKING, refusal

AS_JOBS = ("Process", "Pool")


class Context(jobs.Context):
    """A context that travels as the scene's: in a job it is the one that the job's process has."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene.url, queue=scene.queue)
        self._scene = scene

    def enqueue(self, job_name: str, job_id: str, function: Callable[..., object], *args: object) -> rq.job.Job:
        """Put a call of `function` on the queue, which finds the program's names when it runs."""
        if len(self.active_children()) >= self._scene.workers:
            say(
                f"more processes are started than there are workers ({self._scene.workers}): the others wait for a "
                "worker; --workers starts more"
            )
        return super().enqueue(job_name, job_id, perform, self._scene.to_text(), function, *args)

    def __reduce__(self) -> tuple[object, ...]:
        return providers.context, ()


class Jobs(providers.Redis):
    """RQ jobs; what has no twin is refused when it is used."""

    def find(self, name: str, value: Any) -> Any:
        """Return what serves as multiprocessing's `value`, which is called `name`."""
        if name in providers.TWINS:
            return functools.partial(providers.make, name)
        if name in AS_JOBS:
            return getattr(self.context(), name)
        return refusal(name) if name in LACKING else value

    def open(self) -> broker.Context:
        """Return a new context."""
        return Context(self.scene)


def perform(scene: str, function: Callable[..., object], *args: object) -> object:
    """Do a job of a program's; this is the function that the worker calls."""
    here = Scene.from_text(scene)
    providers.install(Jobs(here))
    sys.path.insert(0, str(here.folder))
    try:
        return function(*args)
    finally:
        sys.path.remove(str(here.folder))
        import_hook.uninstall()
