"""Schedules: what is simulated, and which faults occur. A schedule follows from its seed, and can be shrunk."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

GRANTS_PER_FAULT = 10
LONGEST_HOLD = 2.5  # leases

# Faults that concern one process, and those of the server.
PROCESS_FAULTS = {
    "lose request": 3,
    "lose reply": 3,
    "delay reply": 3,
    "delay request": 3,  # for less than the timeout, or past it: then its copy arrives late
    "pause": 3,
    "kill": 2,
    "power off": 1,  # as kill, but nobody closes its connections
    "cut": 2,
    "slow": 3,
    "interrupt": 4,
    "interrupt twice": 1,
}
SERVER_FAULTS = {
    "restart": 1,
    "restart without data": 0.5,
    "restart without last second": 1,
    "fail over": 1,
    "flushall": 0.5,
    "script flush": 1,
    "clock forward": 0.5,
    "clock back": 1,
    "busy": 1,
    "oom": 1,
    "readonly": 1,
    "loading": 1,
}
ALL_FAULTS = PROCESS_FAULTS | SERVER_FAULTS
STALE_DATA = ("restart without last second", "fail over")
DATA_LOSS = (*STALE_DATA, "restart without data", "flushall")


@dataclass(frozen=True)
class Fault:
    """A fault that occurs `delay` seconds after `progress` grants."""

    kind: str
    progress: int
    delay: float
    process: int  # the index of the process among those that live
    duration: float


@dataclass(frozen=True)
class Schedule:
    """One simulation."""

    primitive: str
    seed: int
    processes: int
    hosts: int
    grants: int
    lease: float
    value: int
    latency: float  # seconds, at most
    faults: tuple[Fault, ...]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Schedule:
        data: dict[str, Any] = json.loads(text)
        data["faults"] = tuple(Fault(**fault) for fault in data["faults"])
        return cls(**data)


def make_schedule(primitive: str, seed: int, grants: int = 500, kinds: Sequence[str] = ()) -> Schedule:
    """Return the schedule of a seed, with one fault for every ten grants, of these kinds, or of a few."""
    rng = Random(f"{primitive}/{seed}")
    lease = rng.choice((0.4, 1.0, 3.0, 10.0))
    processes = rng.randint(2, 7)
    weights = ALL_FAULTS
    if rng.random() < 0.5:  # half of the schedules keep the data
        weights = {kind: weight for kind, weight in weights.items() if kind not in DATA_LOSS}
    # A few kinds in each schedule: what one fault does, another one often hides.
    kinds = kinds or rng.sample(sorted(weights), rng.randint(1, len(weights)))
    chosen = rng.choices(kinds, [ALL_FAULTS[kind] for kind in kinds], k=grants // GRANTS_PER_FAULT)
    faults = [
        Fault(kind, rng.randrange(grants), round(rng.expovariate(20.0), 6), rng.randrange(7), _duration(rng, lease))
        for kind in chosen
    ]
    faults.sort(key=lambda fault: fault.progress)
    value = 1 if primitive == "lock" else rng.randint(1, 4)
    latency = rng.choice((0.001, 0.003, 0.02))
    hosts = rng.randint(1, 3)
    return Schedule(primitive, seed, processes, hosts, grants, lease, value, latency, tuple(faults))


def _duration(rng: Random, lease: float) -> float:
    return round(rng.choice((rng.uniform(0.01, 0.3), rng.uniform(0.3, 2.0), lease * rng.uniform(0.9, 2.0))), 6)
