"""What a look at a board shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

from broker.liveness.timing import Rhythm

MARGIN = 0.005  # seconds: look just after somebody is late or dead, not just before
MICROSECOND = 1e-6

State: TypeAlias = Literal["alive", "late", "dead", "gone"]
_STATES: tuple[State, ...] = ("alive", "late", "dead")  # in the order of a roll


class Roll(NamedTuple):
    """Who is on a board, and for how many seconds each has not been heard of."""

    alive: Mapping[str, float]
    late: Mapping[str, float]
    dead: Mapping[str, float]


class Change(NamedTuple):
    """Somebody's new state; who has left or was forgotten is gone."""

    who: str
    state: State


class Sight:
    """One look, as liveness/lua/snapshot.lua says it.

    Unless somebody reports, it holds for `holds` seconds. `doubt` is 0, or the seconds after which it will be known
    whether those who have been silent for an interval are dead. If nobody has come or left since the look before,
    `as_of` is the same, and of the living `roll` may have only some.
    """

    def __init__(self, rhythm: Rhythm, now: int, certain: int, as_of: bytes, reports: bytes, dead: bytes) -> None:
        self.as_of = as_of
        silences = _silences(now, reports)
        self.roll = Roll(
            {who: silent for who, silent in silences.items() if silent < rhythm.late},
            {who: silent for who, silent in silences.items() if silent >= rhythm.late},
            _silences(now, dead),
        )
        silent, uncertain = max(silences.values(), default=0.0), (certain - now) * MICROSECOND
        self.doubt = uncertain if silent >= rhythm.interval else 0.0
        next_late = rhythm.late - max(self.roll.alive.values(), default=0.0)
        next_dead = max(uncertain, rhythm.interval - silent) if self.roll.late else rhythm.interval
        self.holds = min(next_late, next_dead, rhythm.glance) + MARGIN

    def states(self, others: Iterable[str]) -> dict[str, State]:
        """Return everybody's state; the `others` are alive unless they were seen to be something else."""
        states: dict[str, State] = dict.fromkeys(others, "alive")
        for state, names in zip(_STATES, self.roll, strict=True):
            states.update(dict.fromkeys(names, state))
        return states


def changes(before: Mapping[str, State], after: Mapping[str, State]) -> Iterator[Change]:
    """Yield what has changed from one look to the next."""
    yield from (Change(who, "gone") for who in before if who not in after)
    yield from (Change(who, state) for who, state in after.items() if before.get(who) != state)


def _silences(now: int, moments: bytes) -> dict[str, float]:
    listed = iter(json.loads(moments))
    return {who: max(0, now - int(moment)) * MICROSECOND for who, moment in zip(listed, listed, strict=True) if who}
