"""Comparing: the same exercise, with the same parameters, on one backend after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from lab.backends import BACKENDS, Settings
from lab.exercise import Exercise
from lab.interrupts import Interrupts
from lab.trace import Trace


def compare(
    exercise: Exercise,
    backends: Sequence[str],
    settings: Settings,
    on_begin: Callable[[str], object],
    on_end: Callable[[], object],
) -> list[Trace]:
    """Run the exercise on each backend and return the traces.

    `on_begin` hears of each backend, `on_end` of each actor that has ended. A signal that asks to stop raises
    `KeyboardInterrupt` once everything that was started is gone. Raises what the broker and RQ's workers raise.
    """
    traces = []
    with Interrupts() as interrupts:
        for backend in backends:
            on_begin(backend)
            with BACKENDS[backend](settings) as run:
                run.interrupts, run.on_end = interrupts, on_end
                exercise.play(run)
                events = run.log.events()
            parameters = dataclasses.asdict(exercise)
            traces.append(Trace(exercise.name, backend, parameters, events, run.server, run.workers))
    return traces
