"""An actor is killed during a run: all others are served, and the verdict says so."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from broker import Context
from lab.exercises import EXERCISES
from lab.result import judge
from lab.runtime.event_log import FileLog
from lab.runtime.run import Run
from lab.runtime.store import RedisStore
from lab.trace import Event, Trace, load_traces
from tests.support.lab import LabProcess, StartLab
from tests.support.servers import Server
from tests.support.waiting import wait_until

FEW = ("compare", "tickets", "--clients", 6, "--stock", 3, "--pace", 0.5, "--workers", 3)


def first_inside(client: redis.Redis) -> psutil.Process | None:
    """Return the first process that entered the section; None if none has yet."""
    entries = [entry[b"event"] for key in client.keys("lab:*:trace") for _, entry in client.xrange(key)]
    return next((psutil.Process(event["pid"]) for event in map(json.loads, entries) if event["what"] == "enters"), None)


def worker_of(process: psutil.Process) -> psutil.Process:
    return next(each for each in process.parents() if any("jobs.worker" in word for word in each.cmdline()))


@dataclasses.dataclass(frozen=True)
class KillingLog:
    """A log that kills the process that is about to record that `who` does `what`."""

    log: FileLog
    who: str
    what: str

    def append(self, make_event: Callable[[float, float], Event], last: bool = False) -> None:
        event = make_event(0.0, 0.0)
        if (event.who, event.what) == (self.who, self.what):
            os.kill(os.getpid(), signal.SIGKILL)
        self.log.append(make_event, last)

    def events(self) -> tuple[Event, ...]:
        return self.log.events()

    def follow(self, ended: Callable[[], bool]) -> Iterator[Event]:
        return self.log.follow(ended)


@pytest.mark.parametrize("before", ["starts", "sees", "requests", "enters", "buys", "leaves", "ends"])
def test_a_buyer_that_is_killed_before_one_of_its_steps(
    url: str, ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
):
    store = RedisStore(url, "lab:test:db")
    store.create(3)
    monkeypatch.setattr(ctx, "Lock", functools.partial(ctx.Lock, lease=0.5))
    run = Run(ctx, KillingLog(FileLog(tmp_path / "trace"), "client 1", before), lambda _: store)
    tickets = EXERCISES["tickets"](clients=3, stock=3, pace=0.01)  # type: ignore[call-arg]
    tickets.run_actors(run)
    store.delete()
    result = judge(Trace("tickets", "redis", dataclasses.asdict(tickets), run.log.events()))
    assert str(result.verdict) == "valid", result.verdict
    assert "client 1 was killed; all 2 others finished" in result.verdict.evidence
    assert result.outcome["sold"] == (3 if before in ("buys", "leaves", "ends") else 2)
    assert ("could not record it" in result.verdict.evidence) == (before == "buys")


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "victim"), [("redis", "itself"), ("rq", "itself"), ("rq", "worker")])
def test_a_buyer_that_is_killed_inside_the_section(start: StartLab, tmp_path: Path, backend: str, victim: str):
    # Its own server, because RQ lists a killed worker until its keys expire.
    with (
        tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder,
        Server(Path(folder)) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        session: LabProcess = start(*FEW, "--on", backend, "--redis-url", server.url, "--trace", "traces")
        wait_until(lambda: first_inside(client) is not None)
        process = first_inside(client)
        assert process is not None
        (worker_of(process) if victim == "worker" else process).send_signal(signal.SIGKILL)
        done = session.finish()
        text = " ".join(done.stdout.split())
        assert (done.returncode, "was killed; all 5 others finished" in text) == (0, True), done.stdout
        (trace,) = load_traces(tmp_path / "traces")
        bought = [event.who for event in trace.of("buys", "gets no ticket")]
        assert len(bought) == len(set(bought)) == 5
        keys = [key for key in client.keys("*") if not key.startswith(b"rq:")]
        assert not keys
