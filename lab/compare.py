"""Comparing: the same exercise, with the same parameters, on one backend after the other, in one variant or several."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from lab.backends import BACKENDS, Settings, require_workers
from lab.checks.clocks import align_clocks
from lab.exercise import Exercise
from lab.runtime.follow import followed
from lab.runtime.interrupts import Interrupts
from lab.trace import Event, Trace


def compare(
    variants: Sequence[Exercise],
    backends: Sequence[str],
    settings: Settings,
    *,
    on_begin: Callable[[Exercise, str], object] = lambda *_: None,
    on_end: Callable[[], object] = lambda: None,
    on_event: Callable[[Event], object] | None = None,
) -> list[Trace]:
    """Run each variant on each backend and return the traces.

    `on_begin` hears of each run, `on_end` of each actor that has ended, `on_event` of each event soon after it was
    recorded, in a thread of its own. A signal that asks to stop raises `KeyboardInterrupt` once everything that was
    started is gone. Raises what the broker and RQ's workers raise.
    """
    traces = []
    with Interrupts() as interrupts:
        for exercise in variants:
            require_workers(exercise, backends, settings)
        for exercise in variants:
            for backend in backends:
                on_begin(exercise, backend)
                with BACKENDS[backend](exercise, settings) as run:
                    run.interrupts, run.on_end = interrupts, on_end
                    with followed(run.log, on_event):
                        exercise.run_actors(run)
                    events = align_clocks(run.log.events())
                parameters = dataclasses.asdict(exercise)
                traces.append(Trace(exercise.name, backend, parameters, events, run.server, run.workers))
    return traces
