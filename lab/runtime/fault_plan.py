"""Fault plans: which actors meet a fault, and at which moment. A plan is a pure function of its seed.

A moment is one of an actor's own events, such as its first entry into a section. So no clock takes part in it, and the
same seed gives the same faults at the same events, on each backend and at any speed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from gettext import gettext as _
from typing import Any

from lab.errors import InvalidParameterError
from lab.formatting import join_list
from lab.trace import LET_IN

KILL, PAUSE, CUT, RESTART, RESTART_EMPTY = "kill", "pause", "cut", "restart", "restart-empty"
KINDS = (KILL, PAUSE, CUT, RESTART, RESTART_EMPTY)
MAX_COUNT = 1000
# multiprocessing's names of what can be held, or waited for under a lease
LEASED = ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Barrier", "JoinableQueue")
LEASE = 3.0  # seconds: that of a run with faults, so that what was lost is free again after seconds
FAULT_SECONDS = LEASE + 2.0  # of a pause or a cut; a waiter is let in half a second after the lease, at the latest

WAITING, INSIDE, RUNNING, ENDING = "waiting", "inside", "running", "ending"
GRANTS = ("enters", "gets")  # events after which an actor has what it asked for


@dataclass(frozen=True)
class Fault:
    """What happens to one actor, and when; of the server's restarts, one happens when this actor comes to its moment.

    `moment` is `WAITING` (it has asked, and blocks), `LET_IN` (it was granted what it asked for, and has not recorded
    that), `INSIDE` (after the first of the events in `inside`), or `RUNNING` (after its first event). An actor that
    does not have to wait for as long as it takes to see that it blocks meets its fault as it is let in; one that never
    gets to its moment, before it ends: `ENDING`.
    """

    kind: str
    moment: str
    inside: tuple[str, ...] = GRANTS


@dataclass(frozen=True)
class FaultPlan:
    """`count` faults of one kind, which follow from `seed`."""

    kind: str
    count: int = 1
    seed: int = 0
    moments: tuple[str, ...] = (INSIDE, WAITING, LET_IN)
    inside: tuple[str, ...] = GRANTS

    def among(self, names: Sequence[str]) -> Mapping[str, Fault]:
        """Return the faults of the actors with these names; raise `InvalidParameterError` if these are too few."""
        if self.count > len(names):
            too_many = _("{count} faults need as many actors, and there are {actors}; use {kind}:{actors}")
            raise InvalidParameterError(too_many.format(count=self.count, actors=len(names), kind=self.kind))
        rng = self._random()
        faults = self._faults(rng)
        return dict(zip(rng.sample(names, self.count), faults, strict=False))

    def by_start(self) -> Mapping[int, Fault]:
        """Return the faults of the processes that a program starts, by their place in that order, counted from 1.

        How many processes it will start is not known. Of the first two, one meets a fault; so does one of the next two,
        and so on.
        """
        rng = self._random()
        faults = self._faults(rng)
        return dict(zip([2 * pair + rng.choice((1, 2)) for pair in range(self.count)], faults, strict=False))

    @property
    def restarts_server(self) -> bool:
        """Whether the faults are restarts of the server."""
        return self.kind in (RESTART, RESTART_EMPTY)

    def __str__(self) -> str:
        return f"{self.kind}:{self.count}"

    def summary(self) -> dict[str, Any]:
        """Return what was planned, for a trace."""
        return {"kind": self.kind, "count": self.count, "seed": self.seed}

    def _random(self) -> random.Random:
        return random.Random(f"faults/{self.seed}")  # noqa: S311 - the same faults on every backend

    def _faults(self, rng: random.Random) -> Iterator[Fault]:
        """Yield faults at all moments in turn, which begin with a random one."""
        moments = rng.sample(self.moments, len(self.moments))
        return (Fault(self.kind, moment, self.inside) for moment in itertools.cycle(moments))


def parse_fault(text: str, seed: int) -> FaultPlan:
    """Return the plan for `kill` or `kill:3`; raise `InvalidParameterError` if it is neither."""
    kind, colon, number = text.partition(":")
    count = int(number) if number.isdecimal() and number.isascii() else 0 if colon else 1
    if kind not in KINDS or not 1 <= count <= MAX_COUNT:
        unknown = _("a fault is {kinds}, or several, as in {example} (at most {most}), not {text!r}")
        raise InvalidParameterError(
            unknown.format(kinds=join_list(KINDS), example=f"{KILL}:3", most=MAX_COUNT, text=text)
        )
    return FaultPlan(kind, count, seed)
