"""`readers`: a read of what is half written is torn, and a writer has to be alone."""

from __future__ import annotations

import pytest

from lab.checks import readers, verdicts
from lab.trace import Event
from tests.support.traces import event, make_exercise, make_trace

WRITER, READER, OTHER = "writer 0", "reader 0", "reader 1"


def step(when: float, who: str, what: str) -> Event:
    return event(when, who, what, on="room")


def read(when: float, who: str, numbers: str) -> Event:
    return event(when, who, "reads", on="room", why=numbers)


RIGHT = (
    step(0.0, WRITER, "requests"),
    step(0.1, WRITER, "enters"),
    step(0.1, READER, "requests"),
    step(0.3, WRITER, "leaves"),
    step(0.4, READER, "enters"),
    step(0.4, OTHER, "enters"),
    read(0.4, READER, "1 1 1 1"),
    read(0.4, OTHER, "1 1 1 1"),
    step(0.5, READER, "leaves"),
    step(0.5, OTHER, "leaves"),
)
NAMES = (WRITER, READER, OTHER)


def check(*events: Event) -> verdicts.Verdict:
    return make_exercise("readers", readers=2, writers=1).check(make_trace("readers", *events, finished=NAMES))


def test_readers_together_and_a_writer_alone_are_valid():
    assert check(*RIGHT) == verdicts.valid("none of 2 reads was torn; every writer was alone; all 3 finished")
    assert make_exercise("readers").outcome(make_trace("readers", *RIGHT)) == {
        "reads": 2,
        "torn reads": 0,
        "writes": 0,
        "max inside": 2,
        "reader's wait, max": pytest.approx(0.3),
        "writer's wait, max": pytest.approx(0.1),
    }


def test_torn_read_names_the_writer():
    verdict = check(*RIGHT[:2], step(0.2, READER, "enters"), read(0.2, READER, "1 1 0 0"), *RIGHT[3:])
    assert verdict == verdicts.invalid("reader 0 read 1 1 0 0, while writer 0 was writing")
    assert [each.what for each in verdict.events] == ["enters", "reads"]


@pytest.mark.parametrize(("first", "second"), [(READER, WRITER), (WRITER, READER), (WRITER, "writer 1")])
def test_nobody_may_be_inside_with_a_writer(first: str, second: str):
    verdict = check(*RIGHT, step(0.6, first, "enters"), step(0.6, second, "enters"))
    assert verdict == verdicts.invalid(f"{second} entered room while {first} was still inside")


def test_nothing_read_is_unknown():
    assert readers.nothing_torn(make_trace("readers", *RIGHT[:4])) == verdicts.unknown("nobody read")
