"""A run as it happens: what each of its actors is doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from gettext import gettext as _
from typing import NamedTuple

from rich.table import Table

from lab.checks.waits import BEGINS
from lab.formatting import MAX_NAMES, join_list
from lab.language import N_
from lab.trace import (
    CUT_OFF,
    DIES,
    LAB,
    PAUSES,
    RECONNECTS,
    RESUMES,
    SERVER_IS_BACK,
    SERVER_RESTARTS,
    Event,
)

INSIDE, WAITING, RUNNING = N_("inside"), N_("waiting"), N_("running")
ENDED, FAILED, KILLED = N_("ended"), N_("failed"), N_("killed")
ORDER = (INSIDE, WAITING, RUNNING)  # others are listed below these
ACTIVITIES = {  # what an actor does after an event, until an event that says otherwise
    **dict.fromkeys((*BEGINS, "stops"), WAITING),
    "enters": INSIDE,
    "leaves": RUNNING,
    "turns green": N_("green"),
    "turns red": N_("red"),
    "ends": ENDED,
    "fails": FAILED,
    DIES: KILLED,
}
WITH_NAME = {INSIDE: N_("inside {name}"), WAITING: N_("waiting for {name}")}
ABSENT = {
    PAUSES: N_("{activity}, paused"),
    CUT_OFF: N_("{activity}, cut off"),
    **dict.fromkeys(SERVER_RESTARTS, N_("{activity}, restarting the server")),
}
ENDS_OF_ABSENCE = (RESUMES, RECONNECTS, SERVER_IS_BACK)


class Activity(NamedTuple):
    """What an actor is doing, on what, and how it is absent meanwhile; the last two may be empty."""

    kind: str
    on: str = ""
    absence: str = ""

    def __str__(self) -> str:
        described = _(WITH_NAME[self.kind]).format(name=self.on) if self.on else _(self.kind)
        return _(self.absence).format(activity=described) if self.absence else described


class LiveRun:
    """Follows the events of a run; printing it with rich shows how many actors do what, and for how long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin("")

    def begin(self, title: str) -> None:
        """Forget all actors: another run begins."""
        self._title = title
        self._started = self._clock()
        self._activities: dict[str, tuple[Activity, float]] = {}  # by actor, and since when by the local clock

    def on_event(self, event: Event) -> None:
        """Note what its actor is doing from now on."""
        who = event.who
        if who == LAB:
            if event.what != "joins" or event.on is None:
                return
            who = event.on
        known = self._activities.get(who)
        activity = _next_activity(known[0] if known else Activity(RUNNING), event)
        if known is None or known[0] != activity:
            self._activities[who] = activity, self._clock()

    def activities(self) -> dict[str, list[tuple[str, float]]]:
        """Return for each activity who does it and for how many seconds, the longest first."""
        return {str(activity): actors for activity, actors in self._by_activity().items()}

    def _by_activity(self) -> dict[Activity, list[tuple[str, float]]]:
        now, doing = self._clock(), dict[Activity, list[tuple[str, float]]]()
        for who, (activity, since) in sorted(self._activities.items(), key=lambda item: item[1][1]):
            doing.setdefault(activity, []).append((who, now - since))
        return {activity: doing[activity] for activity in sorted(doing, key=_rank)}

    def __rich__(self) -> Table:
        title = _("{title}, {seconds:.1f} s").format(title=self._title, seconds=self._clock() - self._started)
        table = Table(title=title, title_justify="left")
        table.add_column(_("actors"), justify="right")
        table.add_column(_("are"))
        table.add_column(_("who, the longest first"))
        for activity, actors in self._by_activity().items():
            timed = activity.kind not in (ENDED, FAILED, KILLED)
            table.add_row(str(len(actors)), str(activity), _describe(actors, timed))
        return table


def _next_activity(current: Activity, event: Event) -> Activity:
    if event.what == "joins":
        return Activity(ENDED if event.value == 0 else KILLED if (event.value or 0) < 0 else FAILED)
    if event.what in ABSENT:
        return current._replace(absence=ABSENT[event.what])
    if event.what in ENDS_OF_ABSENCE:
        return current._replace(absence="")
    lasting = ACTIVITIES.get(event.what)
    if lasting is None:  # it ends a wait; an actor that is inside stays there
        return Activity(RUNNING) if current.kind == WAITING else current
    return Activity(lasting, (event.on or "") if lasting in WITH_NAME else "")


def _rank(activity: Activity) -> tuple[int, str]:
    return ORDER.index(activity.kind) if activity.kind in ORDER else len(ORDER), str(activity)


def _describe(actors: Iterable[tuple[str, float]], timed: bool) -> str:
    names = [f"{who} ({seconds:.1f} s)" if timed else who for who, seconds in actors]
    more = [_("{count} more").format(count=len(names) - MAX_NAMES)] if len(names) > MAX_NAMES else []
    return join_list(names[:MAX_NAMES] + more)
