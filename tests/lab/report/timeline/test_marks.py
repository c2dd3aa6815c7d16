"""Marks: nothing that was recorded is missing from the picture."""

from __future__ import annotations

from lab.report.timeline.marks import DOT, SHAPES, find_marks, shape_of
from lab.trace import Trace
from tests.support.traces import TWO_BUYERS, event, parse_trace


def test_every_event_is_a_mark_or_the_end_of_a_bar():
    assert [each.what for each in find_marks(parse_trace(TWO_BUYERS))] == [
        *("starts run", "starts", "starts", "buys", "buys", "ends", "ends", "joins", "joins", "ends run", "counts")
    ]


def test_messages_and_sets_have_shapes_of_their_own_and_what_is_unknown_is_a_dot():
    events = [event(0, "a", what, on="x") for what in ("puts", "gets", "sets", "wakes", "invents")]
    marks = find_marks(Trace("program.py", "local", {}, tuple(events)))
    assert list(map(shape_of, marks)) == ["up", "down", "diamond", "hollow", DOT]
    assert DOT not in SHAPES.values()
