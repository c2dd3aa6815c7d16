"""Runs schedules, and shrinks those that find something."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tests.simulation.checks import violations
from tests.simulation.history import Entry, Happened
from tests.simulation.schedule import Schedule, make_schedule
from tests.simulation.server import Edit, SimulatedServer
from tests.simulation.violation import Violation
from tests.simulation.world import World

MAX_SHRINKING_RUNS = 150


def run(url: str, schedule: Schedule, edit: Edit = lambda text: text) -> Result:
    """Run a schedule on the server at `url`, whose data are lost; return what the checks find."""
    with _no_garbage_collection():
        server = SimulatedServer(url, edit)
        try:
            world = World(schedule, server)
            history = world.run()
        finally:
            server.close()
        faults = Counter(entry.kind for entry in history if isinstance(entry, Happened) and entry.kind != "calm")
        return Result(schedule, world.progress, faults, violations(history, schedule), history)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    # A history is many objects, none of which is garbage: to look for it would take a third of the time.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass
class Result:
    """What came of a schedule."""

    schedule: Schedule
    grants: int
    faults: Counter[str]
    violations: list[Violation]
    history: list[Entry]


@dataclass
class Totals:
    """What came of many schedules."""

    grants: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    runs: int = 0

    def add(self, result: Result) -> None:
        self.grants += result.grants
        self.faults += result.faults
        self.runs += 1


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """Return a smaller schedule that fails, too: shorter, with fewer faults, processes and hosts."""
    left = MAX_SHRINKING_RUNS
    smaller = True
    while smaller and left > 0:
        smaller = False
        for candidate in _smaller(schedule):
            left -= 1
            if left < 0:
                break
            if fails(candidate):
                schedule, smaller = candidate, True
                break
    return schedule


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    for part in (2, 4):
        grants = schedule.grants - schedule.grants // part
        if grants < schedule.grants and grants >= 5:
            faults = tuple(fault for fault in schedule.faults if fault.progress < grants)
            yield dataclasses.replace(schedule, grants=grants, faults=faults)
    faults = schedule.faults
    size = len(faults)
    while size > 0:
        for start in range(0, len(faults), size):
            yield dataclasses.replace(schedule, faults=faults[:start] + faults[start + size :])
        size //= 2
    if schedule.processes > 1:
        yield dataclasses.replace(schedule, processes=schedule.processes - 1)
    if schedule.hosts > 1:
        yield dataclasses.replace(schedule, hosts=1)


def run_seeds(url: str, primitive: str, seeds: Iterable[int], grants: int) -> tuple[Totals, Result | None]:
    """Run seeds until there are as many grants, or one finds something: the result of that one is returned."""
    totals = Totals()
    for seed in seeds:
        result = run(url, make_schedule(primitive, seed))
        totals.add(result)
        if result.violations:
            return totals, result
        if totals.grants >= grants:
            break
    return totals, None


def report(url: str, result: Result) -> str:
    """Return the bug report for a result: what is wrong, and the shrunk schedule that repeats it."""
    checks = {violation.check for violation in result.violations}

    def fails(schedule: Schedule) -> bool:
        return bool(checks & {violation.check for violation in run(url, schedule).violations})

    shrunk = shrink(result.schedule, fails)
    lines = [f"{result.schedule.primitive}, seed {result.schedule.seed}:"]
    lines += [f"  {violation}" for violation in run(url, shrunk).violations[:5]]
    lines.append("repeat the shrunk schedule with")
    lines.append(f"  python -m tests.simulation --schedule '{shrunk.to_json()}'")
    return "\n".join(lines)
