"""Each rung's own version fails for the stated reason, and a right one holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from broker.server.private_server import PrivateServer
from lab.learn.errors import UnjudgedError
from lab.learn.faults import KILL, LOSE_REPLY, PAUSE, STEP_CLOCK, WORK, Fault
from lab.learn.requests import Scripts
from lab.learn.rung import Outcome, Rung, check
from lab.learn.rungs import RUNGS
from lab.learn.words import narrate

SOLUTIONS = Path(__file__).parent / "solutions"
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

Try: TypeAlias = Callable[[str, str], Outcome]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of these tests' own: each run empties it."""
    with closing(PrivateServer()) as server:
        yield server.url


@pytest.fixture
def attempt(url: str) -> Try:
    """Tries a version of the rung with that name."""
    rungs = {rung.name: rung for rung in RUNGS}
    return lambda name, source: check(rungs[name], source, url)


def solution(name: str, changes: dict[str, str] | None = None) -> str:
    """Return the right version of a rung, in which the keys of `changes` are replaced by the values."""
    text = (SOLUTIONS / f"{name}.py").read_text("utf-8")
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    return text


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
    source = (Path(SOLUTIONS) / "foreign_delete.py").read_text("utf-8")
    first, second = (attempt("two_step_release", source) for _ in range(2))
    assert first.trace is not None
    assert second.trace is not None
    assert narrate(first.trace) == narrate(second.trace)


WATCH = """\
        with self.client.pipeline() as transaction:
            transaction.watch(self.name)
            if transaction.get(self.name) != self.token:
                return
            transaction.multi()
            transaction.delete(self.name)
            try:
                transaction.execute()
            except __import__("redis").WatchError:
                pass
"""
SLOTS = """
import uuid

RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"


class Semaphore:
    def __init__(self, client, name, permits, lease):
        self.client = client
        self.keys = [f"{name}:{number}" for number in range(permits)]
        self.lease = lease
        self.token = uuid.uuid4().hex

    def acquire(self):
        for self.key in self.keys:
            if self.client.set(self.key, self.token, nx=True, ex=int(self.lease)):
                return True
        return False

    def release(self):
        self.client.eval(RELEASE, 1, self.key, self.token)
"""
DATACLASS = """
from dataclasses import dataclass


@dataclass
class Lock:
    client: object
    name: str
    lease: float

    def acquire(self):
        return bool(self.client.set(self.name, "taken", nx=True, ex=int(self.lease)))

    def release(self):
        self.client.delete(self.name)
"""
STREAM = """
import time
import uuid

RELEASE = '''
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
return redis.call('xadd', KEYS[2], '*', 'lock', 'free')
'''


class Lock:
    def __init__(self, client, name, lease):
        self.client = client
        self.name = name
        self.stream = name + ":releases"
        self.lease = lease
        self.token = uuid.uuid4().hex

    def acquire(self, timeout):
        deadline = time.monotonic() + timeout
        newest = self.client.xrevrange(self.stream, count=1)
        last = newest[0][0] if newest else "0-0"
        while not self.client.set(self.name, self.token, nx=True, ex=int(self.lease)):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for _, entries in self.client.xread({self.stream: last}, block=max(1, int(left * 1000))):
                last = entries[-1][0]
        return True

    def release(self):
        self.client.eval(RELEASE, 2, self.name, self.stream, self.token)
"""
OTHERS = {  # other right versions
    "watch": (
        "two_step_release",
        solution("two_step_release", {"        self.client.eval(RELEASE, 1, self.name, self.token)\n": WATCH}),
    ),
    "a late release raises": (
        "two_step_release",
        solution("two_step_release", {"self.client.eval(": "assert self.client.eval("}),
    ),
    "registered script": (
        "late_expiry",
        solution(
            "late_expiry",
            {"eval(RELEASE, 1, self.name, self.token)": "register_script(RELEASE)([self.name], [self.token])"},
        ),
    ),
    "a dataclass": ("no_expiry", DATACLASS),
    "a dataclass, with annotations as text": ("no_expiry", f"from __future__ import annotations\n{DATACLASS}"),
    "a stream": ("lost_wakeup", STREAM),
    "clock_gettime": (
        "stepped_clock",
        solution("stepped_clock", {"time.monotonic()": "time.clock_gettime(time.CLOCK_MONOTONIC)"}),
    ),
    "a key for each permit": ("leaked_permit", SLOTS),
    "gives back what may be granted": (
        "retried_set",
        solution("retried_set", {"self.client.get(self.name) == self.token": "bool(self.release())"}),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "source"), OTHERS.values(), ids=list(OTHERS))
def test_other_right_versions_hold(attempt: Try, name: str, source: str) -> None:
    assert attempt(name, source).verdict is None


def test_a_scripts_first_line_stays_the_first() -> None:
    """Redis 7 reads flags there; earlier servers do not, so no run shows it on all."""
    request = Scripts().with_time(("EVAL", "#!lua flags=no-writes\nreturn redis.call('TIME')", 0), 0.0)
    assert request[1].startswith("#!lua flags=no-writes\nlocal server = redis ")
    assert request[1].endswith("return redis.call('TIME')")


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


RETURN = "        return bool("
UNJUDGED = {
    "class Lock:\n    def x(:\n": "the file is no Python in line 2: invalid syntax",
    "import nothing\n": "the file raised ModuleNotFoundError: No module named 'nothing' in line 1",
    "import sys\nsys.exit()\n": "the file raised SystemExit in line 2",
    "lock = None\n": "the file has no class Lock any more",
    "class Lock:\n    pass\n": "__init__() raised TypeError: Lock() takes no arguments",
    solution("no_expiry", {"def acquire": "def aquire"}): "a process raised AttributeError: 'Lock' object has no ",
    solution(
        "no_expiry", {RETURN: "        1 / 0\n" + RETURN}
    ): "acquire() raised ZeroDivisionError: division by zero in line 8",
    solution("no_expiry", {"nx=True": "nx=True, px=-1"}): "acquire() raised ",
    solution(
        "no_expiry", {"self.client.delete(": "self.client.lpush("}
    ): "release() raised ResponseError: wrong number of arguments",
    solution("no_expiry", {RETURN: "        return self.client.blpop('nothing') or bool("}): None,
}


@pytest.mark.parametrize("source", UNJUDGED)
def test_what_cannot_be_judged_is_said_in_one_sentence(attempt: Try, source: str) -> None:
    sentence = UNJUDGED[source]
    if sentence is None:  # it waits forever, which can be judged
        assert attempt("no_expiry", source).verdict is not None
        return
    with pytest.raises(UnjudgedError, match=f"^{re.escape(sentence)}"):
        attempt("no_expiry", source)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loop", "sentence"),
    [
        ("while self.client.get('nothing') is None: pass", "acquire() sends one request after the other; "),
        ("while True: __import__('time').sleep(0)", "acquire() sleeps again and again, too briefly; "),
    ],
)
def test_endless_loops_are_named(attempt: Try, loop: str, sentence: str) -> None:
    with pytest.raises(UnjudgedError, match=f"^{re.escape(sentence)}"):
        attempt("no_expiry", solution("no_expiry", {RETURN: f"        {loop}\n{RETURN}"}))


def test_texts_fit_a_terminal() -> None:
    for rung in RUNGS:
        assert max(map(len, rung.file().splitlines())) <= 100
        assert max(map(len, rung.task.splitlines())) <= 80
        assert len(rung.title) <= 50
        assert len(rung.code().splitlines()) <= 45
