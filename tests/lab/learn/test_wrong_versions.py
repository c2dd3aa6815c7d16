"""Versions that avoid the rung's fault and are still wrong fail."""

from __future__ import annotations

import pytest

from lab.learn.rungs import RUNGS
from tests.support.rungs import Try, solution

EMPTY = "class Lock:\n    def __init__(self, *_): pass\n    def release(self): pass\n    def acquire(self): return "
WRONG = {  # versions that avoid the rung's fault and are still wrong, and what shows it
    "grants always": ("no_expiry", EMPTY + "True", "B entered the job while A was still inside"),
    "grants never": ("no_expiry", EMPTY + "False", "A asked at 0 s and was not let in until 28 s"),
    "a lease that is too short": (
        "no_expiry",
        solution("no_expiry", {"int(self.lease)": "1"}),
        "B entered the job while A was still inside",
    ),
    "a lease that is too long": (
        "no_expiry",
        solution("no_expiry", {"int(self.lease)": "45"}),
        "B asked at 1 s and was not let in until 35 s",
    ),
    "never releases": (
        "no_expiry",
        solution("no_expiry", {"self.client.delete(self.name)": "pass"}),
        "B asked at 1 s and was not let in until 28 s",
    ),
    "no expiry any more": (
        "foreign_delete",
        solution("foreign_delete", {", ex=int(self.lease)": ""}),
        "B asked at 1 s and was not let in until 35 s",
    ),
    "counts the grants in a second request": (
        "no_fence",
        solution(
            "no_fence",
            {
                "return redis.call('incr', KEYS[2])": "return 1",
                "self.fence = fence or 0": "self.fence = self.client.incr('fence') if fence else 0",
            },
        ),
        "A wrote at 55 s under fence 2, and its lease had ended",
    ),
    "reads the fence from a clock": (
        "no_fence",
        solution("no_fence", {"self.fence = fence or 0": "self.fence = int(__import__('time').time())"}),
        "B held the lock and was refused at 25 s",
    ),
    "reads the fence from a monotonic clock": (
        "no_fence",
        solution("no_fence", {"self.fence = fence or 0": "self.fence = __import__('time').monotonic_ns()"}),
        "B held the lock and was refused at 25 s",
    ),
    "reads the fence from datetime": (
        "no_fence",
        solution(
            "no_fence",
            {"self.fence = fence or 0": "self.fence = int(__import__('datetime').datetime.now().timestamp())"},
        ),
        "B held the lock and was refused at 25 s",
    ),
    "counts its own requests": (
        "no_fence",
        RUNGS[4].code().replace("        return bool(", "        self.fence += 1\n        return bool("),
        "A wrote at 55 s under fence 1, and its lease had ended",
    ),
    "polls": (
        "lost_wakeup",
        solution("lost_wakeup", {"get_message(timeout=left)": "get_message(timeout=0.1)", "message and ": ""}),
        "requests while it waited: it polls",
    ),
    "polls every two seconds": (
        "lost_wakeup",
        solution(
            "lost_wakeup", {"message = channel.get_message(timeout=left)": "time.sleep(2)", "if message and ": "if "}
        ),
        "B entered only at 27.75 s, although nobody has been inside since 26.25 s",
    ),
    "ignores the timeout": (
        "lost_wakeup",
        solution("lost_wakeup", {"get_message(timeout=left)": "get_message(timeout=None)"}),
        "B asked at 1 s with a timeout of 5 s and has not got False",
    ),
    "loses the clock's start": (
        "stepped_clock",
        solution("stepped_clock", {"self.valid_until = time.monotonic() + self.lease": "self.valid_until = 10**9"}),
        "believed at 31 s that it held the lock",
    ),
    "never believes it": (
        "stepped_clock",
        solution("stepped_clock", {"return time.monotonic() < self.valid_until": "return not self.valid_until"}),
        "A asked at 0 s and was not let in until 28 s",
    ),
    "sleeps after each release": (
        "barging",
        RUNGS[-1].code().replace("self.token)\n", "self.token)\n        time.sleep(0.2)\n"),
        "B has waited since 1 s, and A has entered",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "source", "evidence"), WRONG.values(), ids=list(WRONG))
def test_wrong_versions_fail(attempt: Try, name: str, source: str, evidence: str) -> None:
    verdict = attempt(name, source).verdict
    assert verdict is not None
    assert evidence in verdict.evidence
