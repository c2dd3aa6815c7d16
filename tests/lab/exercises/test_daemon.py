"""`daemon`: it ends with its parent's code, a plain child is waited for, and it has no children."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.checks.verdicts import Judgement, invalid
from lab.exercises.daemon import REFUSAL
from lab.trace import DELAY, LAB, MICROSECONDS, Event, Trace
from tests.support.lab import BACKENDS, RunLab, compare_backends
from tests.support.traces import event, make_exercise, make_trace, without

CODE_ENDS = event(1.0, "parent", "code ends")
PLAIN = (event(0.1, "plain child", "begins"), event(3.0, "plain child", "finishes"))


def daemon_trace(*daemon: Event, plain: tuple[Event, ...] = PLAIN) -> Trace:
    return make_trace("daemon", CODE_ENDS, *daemon, *plain, finished=("plain child", "parent"))


def test_daemon_that_ends_with_its_parents_code_is_valid():
    daemon = make_exercise("daemon")
    trace = daemon_trace(event(0.1, "daemon", "begins"))
    assert daemon.check(trace).judgement is Judgement.VALID
    assert daemon.outcome(trace) == {
        "daemon finished": False,
        "plain child finished": True,
        "daemon outlived code by": 0.0,
        "daemon's child refused": None,
    }
    assert daemon.check(daemon_trace()).judgement is Judgement.VALID, "it may never have begun"


def test_daemon_that_goes_on_is_invalid():
    daemon = make_exercise("daemon")
    late = daemon_trace(event(0.1, "daemon", "begins"), event(1.5, "daemon", "finishes"))
    assert daemon.check(late) == invalid("the daemon went on for 0.50 s after its parent's code had ended")
    assert daemon.outcome(late)["daemon finished"] is True
    assert daemon.check(daemon_trace(event(1.3, "daemon", "begins"))).judgement is Judgement.VALID
    for error, judgement in ((0.11, Judgement.VALID), (0.09, Judgement.INVALID)):  # 0.4 s are allowed
        assert daemon.check(daemon_trace(event(1.5, "daemon", "begins", error=error))).judgement is judgement


def test_plain_child_that_was_not_joined_is_invalid():
    daemon = make_exercise("daemon", how="func")
    expected = invalid("the parent ended before its plain child had finished")
    assert daemon.check(daemon_trace(plain=PLAIN[:1])) == expected
    joined_early = make_trace("daemon", CODE_ENDS, PLAIN[0], event(1.1, LAB, "joins", on="parent", value=0), PLAIN[1])
    assert daemon.check(joined_early) == expected


@pytest.mark.parametrize(("delay", "judgement"), [(0.03, Judgement.INVALID), (0.04, Judgement.VALID)])
def test_busy_machine_may_delay_the_end_of_a_daemon(delay: float, judgement: Judgement):
    measured = event(5.0, LAB, DELAY, value=round(delay * MICROSECONDS))
    assert make_exercise("daemon").check(daemon_trace(event(1.5, "daemon", "begins"), measured)).judgement is judgement


@pytest.mark.parametrize("missing", ["code ends", "begins", "joins", "ends", "ends run"])
def test_missing_event_is_unknown(missing: str):
    assert make_exercise("daemon").check(without(daemon_trace(), missing)).judgement is Judgement.UNKNOWN


def test_daemon_must_not_have_a_child():
    daemon = make_exercise("daemon", how="child")
    ended, code_ends = ("parent", "daemon"), event(91.0, "parent", "code ends")
    refused = event(0.2, "daemon", "is refused", why=REFUSAL)
    correct = make_trace("daemon", refused, event(0.3, "daemon", "finishes"), code_ends, finished=ended)
    assert daemon.check(correct).judgement is Judgement.VALID
    assert daemon.outcome(correct)["daemon's child refused"] is True
    assert daemon.check(without(correct, "is refused")).judgement is Judgement.UNKNOWN
    with_grandchild = make_trace("daemon", event(0.2, "grandchild", "chats"), code_ends, finished=ended)
    assert daemon.check(with_grandchild) == invalid("the daemon started a child")
    other_reason = make_trace("daemon", event(0.2, "daemon", "is refused", why="no"), code_ends, finished=ended)
    assert daemon.check(other_reason) == invalid("the daemon's child was refused with 'no'")


@pytest.mark.slow
def test_every_variant_is_valid_on_every_backend(lab: RunLab, url: str, tmp_path: Path):
    runs = compare_backends(lab, tmp_path, "daemon", "--how", "all", "--pace", 0.3, "--redis-url", url, "--workers", 3)
    assert {run["verdict"] for run in runs.values()} == {"valid"}
    for backend in BACKENDS:
        for how in ("foo", "func"):
            outcome = runs[how, backend]["outcome"]
            assert (outcome["daemon finished"], outcome["plain child finished"]) == (False, True)
        assert runs["chat", backend]["outcome"]["daemon finished"] is True
        assert runs["child", backend]["outcome"]["daemon's child refused"] is True


def test_printed_lines_are_the_courses(lab: RunLab):
    done = lab("run", "daemon", "--how", "func", "--lang", "zh")
    lines = done.stdout.splitlines()
    assert lines[0] in ("begin", "in func2")
    assert lines.index("主进程代码执行结束") < lines.index("wahaha")
    assert "in func2" not in lines[lines.index("wahaha") :]
