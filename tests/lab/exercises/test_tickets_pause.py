"""`tickets` with a client that pauses for longer than its lease: what its fence prevents."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from broker.engine.request import ACK_TIMEOUT
from lab.runtime.fault_plan import FAULT_SECONDS, LEASE
from lab.trace import load_traces
from tests.support.lab import RunLab, StartLab, compare_backends, table_rows
from tests.support.waiting import wait_until

# With this seed, client 0 pauses between reading and writing; there is a ticket for each.
FEW = ("tickets", "--clients", 8, "--stock", 8, "--workers", 3, "--pace", 0.2, "--seed", 40)
PAUSE = ("--fault", "pause")


@pytest.mark.slow
def test_late_write_is_refused_and_without_a_fence_a_ticket_is_sold_twice(lab: RunLab, url: str, tmp_path: Path):
    runs = compare_backends(lab, tmp_path, *FEW, *PAUSE, "--how", "lock,unfenced", "--redis-url", url, status=1)
    for backend in ("redis", "rq"):
        fenced, unfenced = runs["lock", backend], runs["unfenced", backend]
        assert fenced["verdict"] == "valid"
        assert fenced["outcome"].items() >= {"sold": 8, "refused": 0, "oversold": 0, "refused by fence": 1}.items()
        assert "client 0 lost the lease inside" in fenced["evidence"]
        assert unfenced["verdict"] == "invalid"
        assert unfenced["outcome"]["refused by fence"] == 0
        assert "client 0 both read" in unfenced["evidence"]
    for variant in ("lock", "unfenced"):  # multiprocessing's lock has no lease
        local = runs[variant, "local"]
        assert (local["verdict"], local["outcome"]["sold"]) == ("valid", 8)
    assert {str(run["faults"]) for run in runs.values()} == {
        str([{"who": "client 0", "what": "pauses", "on": "db", "when": "inside"}])
    }

    for trace in load_traces(tmp_path / "traces"):
        (pauses,), (resumes,) = trace.of("pauses"), trace.of("resumes")
        assert resumes.when - pauses.when >= FAULT_SECONDS - 0.1
        if trace.backend == "local":
            assert "enters" not in [event.what for event in trace.events if pauses.when < event.when < resumes.when]
        (refused,) = trace.of("is refused") or [None]
        if refused:
            entries = trace.of("enters")
            place = next(place for place, event in enumerate(entries) if event.who == pauses.who)
            first, second = (event.fence or 0 for event in entries[place : place + 2])
            assert (refused.who, refused.fence) == (pauses.who, first)
            # Not before the lease was over; that of a waiter is shorter until it is known to have its grant.
            lease = min(LEASE, ACK_TIMEOUT) if place else LEASE
            assert second - first >= 1_000_000 * lease  # fences are microseconds
            bought = [event.who for event in trace.of("buys")]
            assert sorted(bought) == sorted({event.who for event in trace.of("sees")})  # the refused client, too


@pytest.mark.slow
def test_no_actor_pauses_without_the_option(lab: RunLab):
    done = lab("compare", *FEW, "--how", "unfenced", "--on", "local,redis")
    assert done.returncode == 0
    assert "was paused" not in done.stdout
    rows = table_rows(done.stdout)
    assert "refused by fence" not in rows
    assert "faults" not in rows


@pytest.mark.slow
def test_ctrl_c_while_an_actor_is_paused_leaves_nothing_behind(start: StartLab, url: str, client):
    session = start("compare", *FEW, *PAUSE, "--on", "redis", "--redis-url", url)
    wait_until(lambda: "pauses" in session.events(client))
    session.process.send_signal(signal.SIGINT)
    done = session.finish()
    assert (done.returncode, done.stderr.count("\n")) == (130, 1), done.stderr
    wait_until(lambda: not session.alive())
    assert not list(session.temporary.iterdir())
