"""Each rung's own version fails for the stated reason, and a right one holds."""

from __future__ import annotations

from gettext import gettext

import pytest
from rich.cells import cell_len

from lab.language import LANGUAGES, language
from lab.learn.faults import KILL, LOSE_REPLY, PAUSE, STEP_CLOCK, WORK, Fault
from lab.learn.narration import narrate
from lab.learn.requests import Scripts
from lab.learn.rung import Rung, check
from lab.learn.rungs import RUNGS
from tests.support.rungs import Try, solution

REASONS = {  # the fault that breaks a rung's own version, and what it does
    "no_expiry": (Fault(KILL, "A", WORK), "B asked at 1 s and was not let in until 35 s"),
    "foreign_delete": (Fault(PAUSE, "A", WORK, 30), "C entered the job while B was still inside"),
    "two_step_release": (Fault(PAUSE, "A", "release", 30, number=2), "C entered the job while B was still inside"),
    "late_expiry": (Fault(KILL, "A", "acquire", number=2), "B asked at 1 s and was not let in until 35 s"),
    "no_fence": (Fault(PAUSE, "A", WORK, 35), "A wrote at 55 s under fence 0, and its lease had ended"),
    "lost_wakeup": (Fault(PAUSE, "B", "acquire", 25, number=2), "B gave up at 61 s, although nobody has been inside"),
    "leaked_permit": (Fault(KILL, "A", WORK), "C asked at 36 s and was not let in until 41 s"),
    "retried_set": (Fault(LOSE_REPLY, "A", "acquire"), "A asked at 0 s and was not let in until 28 s, although nobody"),
    "stepped_clock": (Fault(STEP_CLOCK, "A", WORK, -60), "A believed at 31 s that it held the lock"),
    "barging": (None, "B has waited since 1 s, and A has entered 5 times since then"),
}


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)
def test_own_version_fails_for_the_stated_reason(rung: Rung, url: str) -> None:
    outcome = check(rung, rung.file(), url)
    fault, evidence = REASONS[rung.name]
    assert outcome.verdict is not None
    assert outcome.fault == fault
    assert outcome.verdict.evidence.startswith(evidence)


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)
def test_right_version_holds(rung: Rung, url: str) -> None:
    assert check(rung, solution(rung.name), url).verdict is None


def test_a_run_is_repeatable(attempt: Try) -> None:
    source = solution("foreign_delete")
    first, second = (attempt("two_step_release", source) for _ in range(2))
    assert first.trace is not None
    assert second.trace is not None
    assert narrate(first.trace) == narrate(second.trace)


def test_a_scripts_first_line_stays_the_first() -> None:
    """Redis 7 reads flags there; earlier servers do not, so no run shows it on all."""
    request = Scripts().with_time(("EVAL", "#!lua flags=no-writes\nreturn redis.call('TIME')", 0), 0.0)
    assert request[1].startswith("#!lua flags=no-writes\nlocal server = redis ")
    assert request[1].endswith("return redis.call('TIME')")


@pytest.mark.parametrize("name", LANGUAGES)
def test_texts_fit_a_terminal(name: str) -> None:
    with language(name):
        for rung in RUNGS:
            assert max(map(cell_len, rung.file().splitlines())) <= 100
            assert max(map(cell_len, gettext(rung.task).splitlines())) <= 80
            assert cell_len(gettext(rung.title)) <= 50
            assert len(rung.code().splitlines()) <= 45
