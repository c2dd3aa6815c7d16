"""Under gevent's monkey-patching, timeouts hold, other greenlets go on while one waits, and leases are renewed."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.support.actors import SLACK
from tests.support.missing import missing
from tests.support.servers import Server

pytestmark = pytest.mark.slow

PROGRAM = """
from gevent import monkey
monkey.patch_all()
import json, sys, time
import gevent
import broker

ctx = broker.Context(sys.argv[1])
turns = []

def take_turns():
    while True:
        turns.append(time.monotonic())
        gevent.sleep(0.01)

def timed(wait):
    first, started = len(turns), time.monotonic()
    result = wait()
    print(json.dumps([result, time.monotonic() - started, len(turns) - first]), flush=True)

gevent.spawn(take_turns)
lock, event = ctx.Lock(lease=1.5), ctx.Event()
lock.acquire()
timed(lambda: lock.acquire(timeout=2))
timed(lambda: lock.held)
timed(lambda: event.wait(1))
sys.stdin.readline()
timed(lambda: ctx.Lock().acquire(timeout=1))
timed(lambda: event.wait(1))
"""


def test_timeouts_hold_and_other_greenlets_go_on(durable_server: Server) -> None:
    if importlib.util.find_spec("gevent") is None:
        missing("gevent is not installed")
    program = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, durable_server.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    waits = [json.loads(program.stdout.readline()) for _ in range(3)]
    os.kill(durable_server._process.pid, signal.SIGSTOP)
    output, _ = program.communicate("\n")
    os.kill(durable_server._process.pid, signal.SIGCONT)
    waits += map(json.loads, output.splitlines())
    assert [result for result, _, _ in waits] == [False, True, False, False, False]
    for timeout, (_, seconds, turns) in zip([2, 0, 1, 1, 1], waits, strict=True):
        assert seconds < timeout + SLACK
        assert turns >= timeout
