"""What each backend made of a fault, from handwritten traces."""

from __future__ import annotations

import dataclasses

import pytest

from lab.checks.verdicts import Judgement
from lab.report.explanations import explain
from lab.report.faults import describe_faults, explain_faults, name_faults
from lab.result import Result, judge
from tests.support.traces import KILLED, LEASE_LOST, end_of_run, parse_trace

PLAN = {"kind": "kill", "count": 1, "seed": 0}
OTHERS_WAITED = """
0.1 a requests
0.1 a enters
0.1 b requests
0.2 a pauses
4.2 a resumes
4.3 a buys 0
4.3 a leaves
4.3 b enters
4.4 b gets_no_ticket
4.5 b leaves
4.6 lab counts 0
""" + end_of_run("a", "b")
STALLED = """
0.0 a starts
0.0 b starts
0.0 c starts
0.1 a requests
0.1 a enters
0.1 b requests
0.1 c requests
0.2 a dies
10 lab stops_run
10 lab joins a -9
10 lab joins b
10 lab joins c
10 lab counts 1
10 lab ends_run
"""


def run(text: str, backend: str, exercise: str = "tickets", **parameters: object) -> Result:
    trace = parse_trace(text, exercise, backend, **{"stock": 1, "clients": 3, **parameters})
    return judge(dataclasses.replace(trace, faults=PLAN))


def test_a_pause_on_each_backend():
    accepted = LEASE_LOST.replace("2.1 a is_refused 1", "2.1 a buys 0")
    runs = {"local": OTHERS_WAITED, "redis": LEASE_LOST, "rq": accepted}
    assert explain_faults([run(text, name) for name, text in runs.items()]) == (
        "a was paused inside db: on local all others waited for it; on redis its lease expired, others entered, and "
        "its late write was refused by the store; on rq its lease expired, others entered, and its late write was "
        "accepted, as nothing checked its fence."
    )


def test_a_cut_is_told_as_a_pause_is():
    cut = LEASE_LOST.replace(" pauses", " is_cut_off").replace(" resumes", " reconnects")
    assert explain_faults([run(cut, "redis")]) == (
        "a was cut off inside db: on redis its lease expired, others entered, and its late write was refused by the "
        "store."
    )


def test_a_restart_on_each_backend():
    kept = OTHERS_WAITED.replace("a pauses", "a restarts_server").replace("a resumes", "a server_is_back")
    refused = LEASE_LOST.replace("a pauses", "a restarts_server_empty").replace("a resumes", "a server_is_back")
    accepted = refused.replace("2.1 a is_refused 1", "2.1 a buys 0")
    unnoticed = KILLED.replace("0.2 a dies", "0.2 b restarts_server_empty waiting\n0.3 a leaves\n0.3 a loses_lease 1")
    unnoticed = unnoticed.replace("joins a -9", "joins a 0")
    unstarted = unnoticed.replace("92 lab ends_run", "91 lab joins c 1\n92 lab ends_run")
    assert explain_faults([run(kept, "redis")]) == (
        "The server restarted with its data while a was inside db: on redis no lease was lost."
    )
    assert explain_faults([run(refused, "redis"), run(accepted, "rq")]) == (
        "The server restarted without its data while a was inside db: on redis a lost the lease, others entered, and "
        "its late write was refused by the store; on rq a lost the lease, others entered, and its late write was "
        "accepted, as nothing checked its fence."
    )
    assert explain_faults([run(unnoticed, "redis")]) == (
        "The server restarted without its data while b was waiting for db: on redis a lost the lease, nobody else "
        "entered meanwhile."
    )
    assert explain_faults([run(unstarted, "rq")]).endswith("nobody else entered meanwhile, c never started.")


def test_restarts_at_several_moments_are_one_sentence():
    twice = OTHERS_WAITED.replace("a pauses", "a restarts_server\n0.2 b restarts_server waiting\n0.2 c restarts_server")
    assert describe_faults(run(twice, "redis").trace) == (
        "The server restarted with its data while a and c were inside db, and while b was waiting for db"
    )
    killed = twice.replace(
        "0.2 b restarts_server waiting\n0.2 c restarts_server", "0.2 c dies running"
    )  # by the exercise
    assert explain_faults([run(killed, "redis")]) == (
        "The server restarted with its data while a was inside db, c was killed running: on redis no lease was lost."
    )


def test_a_pause_during_which_nobody_asked():
    alone = OTHERS_WAITED.replace("0.1 b requests\n", "").replace("4.3 b enters", "4.3 b requests\n4.3 b enters")
    assert "on redis nobody else asked meanwhile" in explain_faults([run(alone, "redis")])
    waiting = OTHERS_WAITED.replace("a pauses", "a pauses waiting")
    assert explain_faults([run(waiting, "redis")]) == (
        "a was paused while waiting for db: on redis the others went on."
    )


def test_a_death_on_each_backend():
    local, redis = run(STALLED, "local"), run(KILLED, "redis", clients=2)
    assert explain_faults([local, redis]) == (
        "a was killed inside db: on local the run came to a standstill; on redis the next one entered 2.00 s later. "
        "All processes waited on local, and none could go on: b and c wait for db, which a (killed) holds."
    )
    assert (local.verdict.judgement, redis.verdict.judgement) == (Judgement.UNKNOWN, Judgement.VALID)
    assert explain_faults([local, redis]) in explain([local, redis])


def test_a_death_while_being_let_in_keeps_what_was_granted():
    granted = STALLED.replace("0.1 a enters\n", "").replace("a dies", "a dies being let in")
    assert "b and c wait for db, which a (killed) holds" in explain_faults([run(granted, "local")])
    waited = granted.replace("being let in", "waiting")
    assert "b and c wait for db, which nobody holds" in explain_faults([run(waited, "local")])


@pytest.mark.parametrize(("backend", "most"), [("local", 1), ("redis", 2)])
def test_permits_that_are_left_after_a_death(backend: str, most: int):
    late = "3 d enters 4" if backend == "redis" else "5 d enters"
    text = f"""
0 a requests
0 a enters 1
0 b requests
0 b enters 2
0 e requests
0 e enters 5
1 a dies
1 e leaves
1 c requests
1 d requests
2 b leaves
2 c enters 3
{late}
4 c leaves
6 d leaves
90 b ends
90 c ends
90 d ends
90 e ends
91 lab joins a -9
91 lab joins b 0
91 lab joins c 0
91 lab joins e 0
91 lab joins d 0
92 lab ends_run
"""
    ordered = "\n".join(sorted(text.strip().splitlines(), key=lambda line: float(line.split()[0])))
    trace = dataclasses.replace(parse_trace(ordered, "ktv", backend, rooms=3, guests=5), faults=PLAN)
    result = judge(trace)
    assert result.verdict.judgement is Judgement.VALID
    assert explain_faults([result]) == (
        f"a was killed inside rooms: on {backend} never more than {most} of 3 were inside afterwards."
    )


def test_several_faults_are_one_sentence_in_any_order():
    both = KILLED.replace("0.2 a dies", "0.2 a dies\n0.2 c dies waiting\n0.2 d dies waiting")
    other = KILLED.replace("0.2 a dies", "0.2 d dies waiting\n0.2 c dies waiting\n0.2 a dies")
    assert explain_faults([run(both, "redis"), run(other, "rq")]).startswith(
        "a was killed inside db, c and d were killed while waiting for db: on redis, rq the next one entered"
    )


def test_a_run_without_its_fault_says_so():
    calm = KILLED.replace("0.2 a dies\n", "")
    assert explain_faults([run(calm, "redis")]) == "No fault happened: on redis all went on."
    assert name_faults([("redis", run(calm, "redis").trace)]) == "No fault happened on redis."


def test_without_a_plan_nothing_is_said():
    result = judge(parse_trace(KILLED, stock=1, clients=2))
    assert explain_faults([result]) == name_faults([("local", result.trace)]) == ""
    assert result.figures()["faults"] == []


def test_a_violation_that_a_fault_may_explain_is_unknown():
    """The check of `lock` does not know that a paused holder may have lost the lock."""
    text = """
0 first requests
0 first enters 1
0 first pauses
4 first resumes
4 first acquires_again
""" + end_of_run("first", "second")
    trace = parse_trace(text, "lock", "redis")
    assert judge(trace).verdict.judgement is Judgement.INVALID
    verdict = judge(dataclasses.replace(trace, faults=PLAN)).verdict
    assert verdict.judgement is Judgement.UNKNOWN
    assert verdict.evidence.endswith("a fault may be the reason")
