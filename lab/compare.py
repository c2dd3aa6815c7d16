"""Comparisons: the same exercise with the same parameters, on one backend after the other, in one or more variants."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

from lab.backends import BACKENDS, Settings, require_workers
from lab.checks.clocks import align_clocks
from lab.exercise import Exercise
from lab.runtime.follow import follow_log
from lab.runtime.interrupts import Interrupts
from lab.runtime.versions import installed_versions
from lab.trace import Event, Trace


def compare(
    variants: Sequence[Exercise],
    backends: Sequence[str],
    settings: Settings,
    *,
    repeat: int = 1,
    on_run_start: Callable[[Exercise, str], object] = lambda *_: None,
    on_actor_end: Callable[[], object] = lambda: None,
    on_event: Callable[[Event], object] | None = None,
) -> list[Trace]:
    """Run each variant on each backend, `repeat` times one after the other, and return the traces.

    `on_run_start` is called before each run, `on_actor_end` after each actor has ended, and `on_event`, in a thread of
    its own, with each event soon after it was recorded. A signal that asks to stop raises `KeyboardInterrupt` after all
    that was started has been stopped. Errors of the broker and of RQ's workers are not caught.
    """
    traces = []
    with Interrupts() as interrupts:
        for exercise in variants:
            require_workers(exercise, backends, settings)
        for _, exercise, backend in itertools.product(range(repeat), variants, backends):
            on_run_start(exercise, backend)
            with BACKENDS[backend](exercise, settings) as run:
                run.interrupts, run.on_actor_end = interrupts, on_actor_end
                run.fault_plan = settings.faults and exercise.plan(settings.faults)
                with follow_log(run.log, on_event):
                    exercise.run_actors(run)
                events = align_clocks(run.log.events())
            parameters = dataclasses.asdict(exercise)
            traces.append(
                Trace(
                    exercise.name,
                    backend,
                    parameters,
                    events,
                    run.server,
                    run.workers,
                    installed_versions(),
                    settings.faults.summary() if settings.faults else None,
                )
            )
    return traces
