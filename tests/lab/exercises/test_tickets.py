"""`tickets` sold through a queue by one seller."""

from __future__ import annotations

import pytest

from lab.checks.verdicts import Judgement
from tests.support.traces import end_of_run, make_exercise, parse_trace

VALID, INVALID = Judgement.VALID, Judgement.INVALID


def test_tickets_sold_by_one_seller():
    text = """
0.0 client_0 sees 1
0.0 client_1 sees 1
0.1 client_0 requests
0.1 client_1 requests
0.2 seller enters
0.2 seller leaves
0.3 seller enters
0.3 seller leaves
0.4 client_1 buys 0
0.6 client_0 gets_no_ticket
1.0 lab counts 0
""" + end_of_run("seller", "client_0", "client_1")
    tickets = make_exercise("tickets", clients=2, stock=1, how="queue")
    trace = parse_trace(text, "tickets", how="queue")
    assert tickets.actors == 3
    assert tickets.check(trace).judgement is VALID
    assert tickets.outcome(trace) == {
        "sold": 1,
        "refused": 1,
        "oversold": 0,
        "refused by fence": None,
        "response, median": pytest.approx(0.5),
    }
    assert tickets.check(parse_trace(text.replace("client_0 gets_no_ticket", "client_0 buys 0"))).judgement is INVALID
