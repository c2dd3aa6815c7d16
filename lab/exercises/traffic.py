"""A traffic light, cars that wait for green, and police cars that wait for half a second at most.

In the course the light is an event: set means green, clear means red, and it
changes every two seconds. Twenty vehicles arrive one after the other, cars or
police cars at random, with no time or two seconds between them. A car that
finds the light red waits for green. A police car waits with a timeout of half
a second and passes, whatever the light shows then.

No car passes on red, unless the light was green at some moment while it waited;
no police car waits for longer than its timeout; and no wake-up is lost: a car
that is waiting when the light turns green passes before the light turns green
again.

All vehicles exist before the light starts, each with a process, or a worker, of
its own. The course's light never ends; this one is a daemon.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.checks import traffic, verdicts
from lab.exercise import Exercise, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Event, SimpleQueue
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

POLICE_TIMEOUT = 0.5  # seconds in the course


@actor
def traffic_light(
    me: Recorder,
    green: Event,
    ready: SimpleQueue,
    go: Event,
    vehicles: int,
    pace: float,
) -> None:
    """Wait until all vehicles are ready, then change forever."""
    for _ in range(vehicles):
        ready.get()
    me.record("turns red")
    go.set()
    while True:
        time.sleep(2 * pace)
        if green.is_set():
            green.clear()
            me.record("turns red")  # after it is red: the recorded green contains the real one
        else:
            me.record("turns green")
            green.set()


@actor
def car(
    me: Recorder,
    green: Event,
    ready: SimpleQueue,
    go: Event,
    arrival: float,
) -> None:
    """Pass, or wait for green and pass."""
    _arrive(me, ready, go, arrival)
    if not green.is_set():
        me.record("waits")
        green.wait()
    me.record("passes")


@actor
def police_car(
    me: Recorder,
    green: Event,
    ready: SimpleQueue,
    go: Event,
    arrival: float,
    timeout: float,
) -> None:
    """Pass, or wait for green with a timeout and pass."""
    _arrive(me, ready, go, arrival)
    if not green.is_set():
        me.record("stops")
        green.wait(timeout=timeout)
    me.record("passes")


def _arrive(me: Recorder, ready: SimpleQueue, go: Event, arrival: float) -> None:
    ready.put(me.who)
    go.wait()
    time.sleep(arrival)
    me.record("arrives")


@dataclass(frozen=True)
class Traffic(Exercise):
    """The course's traffic light."""

    name = "traffic"
    summary = N_("20 vehicles at a light, an event; police wait half a second")
    counted_actors = N_("{count} vehicles")
    printed_lines: ClassVar = {
        "turns red": PrintedLine(N_("the light is red"), "bold red"),
        "turns green": PrintedLine(N_("the light is green"), "bold green"),
        "waits": PrintedLine(N_("{who} waits")),
        "passes": PrintedLine(N_("{who} passes")),
    }

    vehicles: int = parameter(20, "number of vehicles", minimum=1, maximum=63)
    pace: float = parameter(0.25, "seconds for one second of the course", minimum=0.05, maximum=1000)
    seed: int = parameter(0, "seed of the kinds of vehicles and their arrivals", maximum=2**32)

    @property
    def actors(self) -> int:
        """The vehicles."""
        return self.vehicles

    @property
    def min_workers(self) -> int:
        """The vehicles and the light run at the same time."""
        return self.vehicles + 1

    def options_for(self, workers: int) -> str:
        """Return an option for fewer vehicles; the light needs a worker, too."""
        return f"--vehicles {workers - 1}" if workers > 1 else ""

    def run_actors(self, run: Run) -> None:
        """Start the light and all vehicles, each of which knows when it arrives."""
        rng = random.Random(self.seed)  # noqa: S311 - the same vehicles on every backend
        green, ready, go = run.ctx.Event(), run.ctx.SimpleQueue(), run.ctx.Event()
        vehicles, arrival = [], 1.0  # seconds; the light changes at even ones
        for number in range(self.vehicles):
            police = rng.random() < 0.5
            name = f"police car {number}" if police else f"car {number}"
            args = (run.recorder(name), green, ready, go, arrival * self.pace)
            timeout = (POLICE_TIMEOUT * self.pace,) if police else ()
            vehicles.append(run.ctx.Process(target=police_car if police else car, args=(*args, *timeout), name=name))
            arrival += rng.randrange(0, 3, 2)
        light_args = (run.recorder("light"), green, ready, go, self.vehicles, self.pace)
        light = run.ctx.Process(target=traffic_light, args=light_args, name="light")
        run.start_and_join(vehicles, max_silence=2 * self.pace, daemons=[light])

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that no car passes on red, that nobody waits for too long, and that all vehicles pass."""
        return verdicts.worst(
            [
                traffic.no_car_on_red(trace),
                traffic.police_in_time(trace, POLICE_TIMEOUT * self.pace),
                traffic.no_lost_wakeup(trace),
                verdicts.all_finished(trace, self.vehicles),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """Who passed, who waited, and for how long."""
        passed = [event.who for event in trace.of("passes")]
        on_red = traffic.passed_on_red(trace)
        return {
            N_("cars passed"): sum(map(traffic.is_car, passed)),
            N_("police cars passed"): len(passed) - sum(map(traffic.is_car, passed)),
            N_("police cars on red"): len(on_red) - sum(map(traffic.is_car, on_red)),
            N_("green to passing, median"): traffic.wakeup_time(trace),
            N_("police wait, max"): max(traffic.police_waits(trace), default=None),
        }
