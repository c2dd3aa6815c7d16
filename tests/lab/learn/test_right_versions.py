"""Other right versions than the solutions hold."""

from __future__ import annotations

import pytest

from tests.support.rungs import Try, solution

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
