"""The state of a board at one moment, and what has changed since another."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from broker.liveness.timing import Timing

MARGIN = 0.005  # seconds: read just after a name becomes late or dead, not just before
MICROSECOND = 1e-6

State: TypeAlias = Literal["alive", "late", "dead", "gone"]
_STATES: tuple[State, ...] = ("alive", "late", "dead")  # in the order of a snapshot's fields


class Snapshot(NamedTuple):
    """The names on a board by state, each with the seconds since its last report."""

    alive: Mapping[str, float]
    late: Mapping[str, float]
    dead: Mapping[str, float]


class Change(NamedTuple):
    """A name and its new state; "gone" if it has left or was forgotten."""

    who: str
    state: State


class Reading:
    """A reply of `liveness/lua/snapshot.lua`.

    Without further reports, it stays correct for `valid_for` seconds. `uncertain_for` is 0, or the seconds until it is
    certain whether the names without a report for an interval are dead. As long as no name joins or leaves, `version`
    stays the same, and `snapshot` may contain only some of the names that are alive.
    """

    def __init__(
        self, timing: Timing, now: int, certain_from: int, version: bytes, reports: bytes, dead: bytes
    ) -> None:
        self.version = version
        ages = _ages(now, reports)
        self.snapshot = Snapshot(
            {who: age for who, age in ages.items() if age < timing.late},
            {who: age for who, age in ages.items() if age >= timing.late},
            _ages(now, dead),
        )
        oldest, until_certain = max(ages.values(), default=0.0), (certain_from - now) * MICROSECOND
        self.uncertain_for = until_certain if oldest >= timing.interval else 0.0
        until_late = timing.late - max(self.snapshot.alive.values(), default=0.0)
        until_dead = max(until_certain, timing.interval - oldest) if self.snapshot.late else timing.interval
        self.valid_for = min(until_late, until_dead, timing.poll_interval) + MARGIN

    def states(self, others: Iterable[str]) -> dict[str, State]:
        """Return the state of each name; `others` are alive unless the snapshot says otherwise."""
        states: dict[str, State] = dict.fromkeys(others, "alive")
        for state, names in zip(_STATES, self.snapshot, strict=True):
            states.update(dict.fromkeys(names, state))
        return states


def changes(before: Mapping[str, State], after: Mapping[str, State]) -> Iterator[Change]:
    """Yield the differences between two readings' states."""
    yield from (Change(who, "gone") for who in before if who not in after)
    yield from (Change(who, state) for who, state in after.items() if before.get(who) != state)


def _ages(now: int, reports: bytes) -> dict[str, float]:
    """Return the seconds since each report; `reports` is a JSON list that alternates names and times."""
    items = iter(json.loads(reports))
    return {who: max(0, now - int(moment)) * MICROSECOND for who, moment in zip(items, items, strict=True) if who}
