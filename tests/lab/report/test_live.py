"""The live view says what each actor is doing, and for how long."""

from __future__ import annotations

import pytest
from rich.console import Console

from lab.report.live import LiveRun
from lab.trace import LAB, Event
from tests.support.traces import event


class Watched:
    """A live view whose clock shows the time of the last event."""

    def __init__(self, *events: Event) -> None:
        self._now = 0.0
        self.view = LiveRun(lambda: self._now)
        self.view.begin("ktv redis")
        for each in events:
            self._now = each.when
            self.view.on_event(each)

    def doing(self) -> dict[str, list[tuple[str, float]]]:
        return self.view.activities()


def test_actors_are_grouped_by_what_they_do_the_longest_first() -> None:
    watched = Watched(
        event(1.0, "a", "requests", on="rooms"),
        event(2.0, "b", "requests", on="rooms"),
        event(3.0, "c", "requests", on="rooms"),
        event(4.0, "c", "enters", on="rooms"),
        event(5.0, LAB, "starts run"),
    )
    assert watched.doing() == {"inside rooms": [("c", 1.0)], "waiting for rooms": [("a", 4.0), ("b", 3.0)]}
    assert list(watched.doing()) == ["inside rooms", "waiting for rooms"]


@pytest.mark.parametrize(
    ("what", "activity"),
    [
        ("starts", "running"),
        ("waits", "waiting"),
        ("enters", "inside"),
        ("turns red", "red"),
        ("ends", "ended"),
        ("fails", "failed"),
        ("dies", "killed"),
    ],
)
def test_event_tells_what_an_actor_does_from_then_on(what: str, activity: str) -> None:
    assert Watched(event(1.0, "a", what)).doing() == {activity: [("a", 0.0)]}


def test_other_events_end_a_wait_and_leave_an_actor_inside() -> None:
    watched = Watched(
        event(1.0, "a", "waits"),
        event(2.0, "a", "passes"),
        event(3.0, "b", "enters", on="db"),
        event(4.0, "b", "reads", on="db", value=5),
    )
    assert watched.doing() == {"inside db": [("b", 1.0)], "running": [("a", 2.0)]}


@pytest.mark.parametrize(
    ("begins", "ends", "activity"),
    [("pauses", "resumes", "inside db, paused"), ("is cut off", "reconnects", "inside db, cut off")],
)
def test_actor_continues_after_a_fault_with_what_it_did(begins: str, ends: str, activity: str) -> None:
    events = [event(float(number), "a", what, on="db") for number, what in enumerate(("enters", begins, ends))]
    assert list(Watched(*events[:2]).doing()) == [activity]
    assert list(Watched(*events).doing()) == ["inside db"]


@pytest.mark.parametrize(("exitcode", "activity"), [(0, "ended"), (1, "failed"), (-9, "killed")])
def test_join_tells_how_an_actor_ended(exitcode: int, activity: str) -> None:
    watched = Watched(event(1.0, "a", "enters", on="db"), event(2.0, LAB, "joins", on="a", value=exitcode))
    assert list(watched.doing()) == [activity]


def test_table_shows_the_longest_and_counts_the_others() -> None:
    names = [f"guest {number}" for number in range(12)]
    watched = Watched(*(event(float(number), name, "requests", on="rooms") for number, name in enumerate(names)))
    console = Console(width=200)
    with console.capture() as capture:
        console.print(watched.view)
    assert "ktv redis, 11.0 s" in capture.get()
    assert "12 │ waiting for rooms │ guest 0 (11.0 s), guest 1 (10.0 s)" in capture.get()
    assert "guest 7 (4.0 s), 4 more" in capture.get()


def test_next_run_begins_without_actors() -> None:
    watched = Watched(event(1.0, "a", "starts"))
    watched.view.begin("ktv rq")
    assert watched.doing() == {}
