"""A traffic light, cars that wait for green, and police cars that wait for half a second at most.

In the course the light is an event: set is green, clear is red, and it changes
every two seconds. Twenty vehicles arrive one after the other, a car or a police
car at random, with nothing or two seconds between them. A car that finds the
light red waits until it is green; a police car waits with a time-out of half a
second and drives on, whatever the light shows then.

No car passes on red, unless the light was green at some moment while it waited;
no police car waits for longer than it may; and no wake-up is lost: whoever waits
when the light turns green goes before the light has turned green once more.

All vehicles are there before the light begins, as many processes as there are,
and a worker for each; the course's light never ends, this one is a daemon.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.checks import traffic, verdicts
from lab.exercise import Exercise, parameter
from lab.formatting import Figure
from lab.printed_lines import PrintedLine
from lab.runtime.context import Event, SimpleQueue
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

POLICE_WAIT = 0.5  # of the course's seconds


@actor
def traffic_light(
    me: Recorder,
    green: Event,
    gate: SimpleQueue,
    go: Event,
    vehicles: int,
    pace: float,
) -> None:
    """Wait until all vehicles are there, then change for ever."""
    for _ in range(vehicles):
        gate.get()
    me.record("turns red")
    go.set()
    while True:
        time.sleep(2 * pace)
        if green.is_set():
            green.clear()
            me.record("turns red")  # when it is red: what is seen between the two notes is not a moment too short
        else:
            me.record("turns green")
            green.set()


@actor
def car(
    me: Recorder,
    green: Event,
    gate: SimpleQueue,
    go: Event,
    arrival: float,
) -> None:
    """Pass, or wait for green and pass."""
    _arrive(me, gate, go, arrival)
    if not green.is_set():
        me.record("waits")
        green.wait()
    me.record("passes")


@actor
def police_car(
    me: Recorder,
    green: Event,
    gate: SimpleQueue,
    go: Event,
    arrival: float,
    longest: float,
) -> None:
    """Pass, or wait for green for a while and pass."""
    _arrive(me, gate, go, arrival)
    if not green.is_set():
        me.record("stops")
        green.wait(timeout=longest)
    me.record("passes")


def _arrive(me: Recorder, gate: SimpleQueue, go: Event, arrival: float) -> None:
    gate.put(me.who)
    go.wait()
    time.sleep(arrival)
    me.record("arrives")


@dataclass(frozen=True)
class Traffic(Exercise):
    """The course's traffic light."""

    name = "traffic"
    summary = "20 vehicles at a light, which is an event; police wait half a second"
    actor_noun = "vehicles"
    printed_lines: ClassVar = {
        "turns red": PrintedLine("红灯亮", "the light is red", "bold red"),
        "turns green": PrintedLine("绿灯亮", "the light is green", "bold green"),
        "waits": PrintedLine("{who} 等待", "{who} waits"),
        "passes": PrintedLine("{who} 通过", "{who} passes"),
    }

    vehicles: int = parameter(20, "how many arrive", minimum=1, maximum=63)
    pace: float = parameter(0.25, "seconds for one of the course's", minimum=0.05, maximum=1000)
    seed: int = parameter(0, "of kinds and arrivals", maximum=2**32)

    @property
    def actors(self) -> int:
        """The vehicles."""
        return self.vehicles

    @property
    def min_workers(self) -> int:
        """The vehicles, and the light."""
        return self.vehicles + 1

    def options_for(self, workers: int) -> str:
        """Leave one worker to the light."""
        return f"--vehicles {workers - 1}" if workers > 1 else ""

    def run_actors(self, run: Run) -> None:
        """Start the light and all vehicles, each of which knows when it arrives."""
        rng = random.Random(self.seed)  # noqa: S311 - the same vehicles on every backend
        green, gate, go = run.ctx.Event(), run.ctx.SimpleQueue(), run.ctx.Event()
        vehicles, arrival = [], 1.0  # not at the very moment when the light changes
        for number in range(self.vehicles):
            police = rng.random() < 0.5
            name = f"police car {number}" if police else f"car {number}"
            args = (run.recorder(name), green, gate, go, arrival * self.pace)
            longest = (POLICE_WAIT * self.pace,) if police else ()
            vehicles.append(run.ctx.Process(target=police_car if police else car, args=(*args, *longest), name=name))
            arrival += rng.randrange(0, 3, 2)
        light_args = (run.recorder("light"), green, gate, go, self.vehicles, self.pace)
        light = run.ctx.Process(target=traffic_light, args=light_args, name="light")
        run.start_and_join(vehicles, max_silence=2 * self.pace, daemons=[light])

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Nobody passes on red who may not, nobody waits too long, and all arrive."""
        return verdicts.worst(
            [
                traffic.no_car_on_red(trace),
                traffic.police_in_time(trace, POLICE_WAIT * self.pace),
                traffic.no_lost_wakeup(trace),
                verdicts.all_finished(trace, self.vehicles),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """Who passed, who waited, and for how long."""
        passed = [event.who for event in trace.of("passes")]
        on_red = traffic.passed_on_red(trace)
        return {
            "cars passed": sum(map(traffic.is_car, passed)),
            "police cars passed": len(passed) - sum(map(traffic.is_car, passed)),
            "police cars on red": len(on_red) - sum(map(traffic.is_car, on_red)),
            "from green to go, median": traffic.wakeup_time(trace),
            "longest wait of a police car": max(traffic.police_waits(trace), default=None),
        }
