"""The context of a program whose processes are RQ jobs: each job finds its program's names on its worker, too."""

from __future__ import annotations

import sys
from collections.abc import Callable

import rq

import jobs
from lab.programs import imports, names
from lab.programs.notices import say
from lab.programs.scene import Scene


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
        return names.context, ()


def perform(scene: str, function: Callable[..., object], *args: object) -> object:
    """Do a job of a program's; this is the function that the worker calls."""
    here = Scene.from_text(scene)
    names.install(here)
    sys.path.insert(0, str(here.folder))
    try:
        return function(*args)
    finally:
        sys.path.remove(str(here.folder))
        imports.uninstall()
