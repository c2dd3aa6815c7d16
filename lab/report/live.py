"""A run as it happens: what each of its actors is doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from rich.table import Table

from lab.checks.waits import BEGINS
from lab.formatting import MAX_NAMES
from lab.trace import (
    CUT_OFF,
    DIES,
    LAB,
    PAUSES,
    RECONNECTS,
    RESTARTS,
    RESUMES,
    SERVER_IS_BACK,
    SERVER_RESTARTS,
    Event,
)

INSIDE, WAITING, RUNNING = "inside", "waiting", "running"
ABSENT = {PAUSES: ", paused", CUT_OFF: ", cut off", **dict.fromkeys(SERVER_RESTARTS, ", restarting the server")}
ENDS_OF_ABSENCE = {RESUMES: ABSENT[PAUSES], RECONNECTS: ABSENT[CUT_OFF], SERVER_IS_BACK: ABSENT[RESTARTS]}
ENDED, FAILED, KILLED = "ended", "failed", "killed"
ORDER = (INSIDE, WAITING, RUNNING)  # others are listed below these
ACTIVITIES = {  # what an actor does after an event, until an event that says otherwise
    **dict.fromkeys((*BEGINS, "stops"), WAITING),
    "enters": INSIDE,
    "leaves": RUNNING,
    "turns green": "green",
    "turns red": "red",
    "ends": ENDED,
    "fails": FAILED,
    DIES: KILLED,
}


class Activity(NamedTuple):
    """What an actor is doing, and since when by the local clock."""

    name: str
    since: float


class LiveRun:
    """Follows the events of a run; printing it with rich shows how many actors do what, and for how long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin("")

    def begin(self, title: str) -> None:
        """Forget all actors: another run begins."""
        self._title = title
        self._started = self._clock()
        self._activities: dict[str, Activity] = {}

    def on_event(self, event: Event) -> None:
        """Note what its actor is doing from now on."""
        who = event.who
        if who == LAB:
            if event.what != "joins" or event.on is None:
                return
            who = event.on
        known = self._activities.get(who)
        name = _next_activity(known.name if known else RUNNING, event)
        if known is None or known.name != name:
            self._activities[who] = Activity(name, self._clock())

    def activities(self) -> dict[str, list[tuple[str, float]]]:
        """Return for each activity who does it and for how many seconds, the longest first."""
        now, doing = self._clock(), dict[str, list[tuple[str, float]]]()
        for who, activity in sorted(self._activities.items(), key=lambda item: item[1].since):
            doing.setdefault(activity.name, []).append((who, now - activity.since))
        return {name: doing[name] for name in sorted(doing, key=_rank)}

    def __rich__(self) -> Table:
        table = Table(title=f"{self._title}, {self._clock() - self._started:.1f} s", title_justify="left")
        table.add_column("actors", justify="right")
        table.add_column("are")
        table.add_column("who, the longest first")
        for name, actors in self.activities().items():
            table.add_row(str(len(actors)), name, _describe(actors, timed=name not in (ENDED, FAILED, KILLED)))
        return table


def _next_activity(current: str, event: Event) -> str:
    if event.what == "joins":
        return ENDED if event.value == 0 else KILLED if (event.value or 0) < 0 else FAILED
    if event.what in ABSENT:
        return current + ABSENT[event.what]
    if event.what in ENDS_OF_ABSENCE:
        return current.removesuffix(ENDS_OF_ABSENCE[event.what])
    lasting = ACTIVITIES.get(event.what)
    if lasting is None:  # it ends a wait; an actor that is inside stays there
        return RUNNING if current.startswith(WAITING) else current
    between = {INSIDE: " ", WAITING: " for "}.get(lasting)
    return f"{lasting}{between}{event.on}" if between and event.on else lasting


def _rank(name: str) -> tuple[int, str]:
    kind = next((number for number, kind in enumerate(ORDER) if name.startswith(kind)), len(ORDER))
    return kind, name


def _describe(actors: Iterable[tuple[str, float]], timed: bool) -> str:
    names = [f"{who} ({seconds:.1f} s)" if timed else who for who, seconds in actors]
    more = [f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return ", ".join(names[:MAX_NAMES] + more)
