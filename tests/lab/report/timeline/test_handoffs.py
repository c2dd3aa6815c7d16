"""Hand-offs: which release let whom in."""

from __future__ import annotations

from lab.report.timeline.handoffs import find_handoffs, find_notifications
from tests.support.traces import TWO_BUYERS, parse_trace


def handoffs(text: str) -> list[tuple[str, str, int | None]]:
    return [(each.release.who, each.grant.who, each.grant.fence) for each in find_handoffs(parse_trace(text))]


def test_a_release_lets_the_waiting_process_in():
    assert handoffs(TWO_BUYERS) == [("a", "b", 2)]


def test_what_was_free_is_not_handed_over():
    assert handoffs("0 a requests\n0 a enters 1\n1 a leaves\n5 b requests\n5 b enters 2") == []


def test_a_release_before_the_request_let_nobody_in():
    assert handoffs("0 a enters\n0 b enters\n1 c requests\n2 a leaves\n3 d requests\n4 c enters\n5 d enters") == [
        ("a", "c", None)
    ]


def test_a_release_before_the_request_let_another_one_in_that_has_not_recorded_it_yet():
    text = "0 a enters\n0 b enters\n1 c requests\n2 a leaves\n3 d requests\n4 b leaves\n5 d enters\n6 c enters"
    assert handoffs(text) == [("b", "d", None), ("a", "c", None)]


def test_each_release_of_a_permit_lets_one_process_in():
    text = "0 a enters\n0 b enters\n1 c requests\n1 d requests\n2 a leaves\n3 b leaves\n4 d enters\n4 c enters"
    assert handoffs(text) == [("a", "d", None), ("b", "c", None)]


def test_a_lease_that_expired_lets_the_next_one_in():
    text = "0 a enters 1\n1 b requests\n3 b enters 2\n4 a leaves\n5 a loses_lease 1"
    assert handoffs(text) == [("a", "b", 2)]


def test_who_notified_whom():
    text = "1 a waits\n2 b waits\n3 c waits\n4 d notifies 1\n5 e notifies\n6 b wakes\n6 a wakes\n7 c gives_up\n"
    text += "8 a waits\n9 d notifies 5\n9 a wakes\n9 b waits\n9 b wakes"
    pairs = find_notifications(parse_trace(text))
    assert [(pair.release.who, pair.grant.who) for pair in pairs] == [("d", "b"), ("e", "a"), ("d", "a")]
