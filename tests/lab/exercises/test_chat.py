"""`chat`: what clients say comes back in upper case, to one at a time or to all at once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import jobs
from lab import backends
from lab.checks.verdicts import Judgement, invalid
from lab.errors import LabError
from lab.exercises.chat import Chat
from lab.trace import Trace
from tests.support.lab import BACKENDS, RunLab, compare_backends
from tests.support.traces import PIDS, event, make_exercise, make_trace, without

SERVERS = ("each", "one", "queue")


def chat_trace(**replaced: str) -> Trace:
    """A client, then another, talk to a server with one process."""
    events = []
    for start, who in ((0.0, "client 0"), (1.0, "client 1")):
        hello = event(start, who, "is greeted", why=replaced.get("hello", "hello"))
        says = event(start + 0.2, who, "sends", why=f"I am {who}")
        receives = event(start + 0.3, who, "receives", why=replaced.get("receives", f"I AM {who.upper()}"))
        events += [event(start, who, "requests", on="service"), hello, event(start, who, "enters", on="service")]
        events += [event(start + 0.1, "server", "receives pid", value=PIDS[who]), says, receives]
        events += [event(start + 0.4, who, "leaves", on="service")]
    return make_trace("chat", *events, finished=("server", "client 0", "client 1"))


CHAT = make_exercise("chat", clients=2, messages=1, how="one")


def test_correct_trace_is_valid():
    assert CHAT.check(chat_trace()).judgement is Judgement.VALID
    assert CHAT.outcome(chat_trace()) == {
        "replies": 2,
        "max served at once": 1,
        "response, median": pytest.approx(0.1),
    }


def test_wrong_traces_are_invalid():
    says = invalid("client 0 sent 'I am client 0' and received 'I am client 0'")
    assert CHAT.check(chat_trace(receives="I am client 0")) == says
    assert CHAT.check(chat_trace(hello="go away")) == invalid("client 0 was greeted with 'go away'")
    other_pid = event(0.1, "server", "receives pid", value=7)
    events = tuple(other_pid if each.what == "receives pid" and each.when < 1 else each for each in chat_trace().events)
    wrong_pids = invalid("the process IDs that the server learned are not those of its clients")
    assert CHAT.check(Trace("chat", "local", {}, events)) == wrong_pids
    overlapping = sorted(chat_trace().events, key=lambda each: (each.when > 80, each.what != "enters"))
    overlapping_trace = Trace("chat", "local", {}, tuple(overlapping))
    assert CHAT.check(overlapping_trace) == invalid("client 1 entered service while client 0 was still inside")
    assert make_exercise("chat", clients=2, messages=1, how="queue").limit == 2


@pytest.mark.parametrize("missing", ["receives", "is greeted", "receives pid", "enters", "ends", "ends run"])
def test_missing_event_is_unknown(missing: str):
    assert CHAT.check(without(chat_trace(), missing)).judgement is Judgement.UNKNOWN


@pytest.mark.slow
def test_every_server_is_valid_on_every_backend(lab: RunLab, url: str, tmp_path: Path):
    options = ("--clients", 3, "--messages", 3, "--servers", 2, "--workers", 7)
    runs = compare_backends(lab, tmp_path, "chat", *options, "--how", "all", "--redis-url", url)
    assert set(runs) == {(how, backend) for how in SERVERS for backend in BACKENDS}
    for (how, backend), run in runs.items():
        assert run["verdict"] == "valid", (how, backend, run)
        assert run["outcome"]["replies"] == 9
        assert run["outcome"]["max served at once"] <= (1 if how == "one" else 3)
    for backend in BACKENDS:
        waits = {how: runs[how, backend]["wait_s"]["max"] for how in SERVERS}
        assert runs["one", backend]["max_inside"] == 1
        assert waits["one"] > 0


def test_too_few_workers_are_reported_before_the_run(lab: RunLab, url: str):
    with jobs.Workers(url, "lab", 4):
        each = lab("compare", "chat", "--on", "rq", "--redis-url", url)
        queue = lab("compare", "chat", "--how", "queue", "--servers", 9, "--on", "rq", "--redis-url", url)
    assert (each.returncode, queue.returncode) == (2, 2)
    assert "start 9 more with `lab worker -n 9`, or use --clients 1" in each.stderr
    assert "start 6 more with `lab worker -n 6`, or use --servers 3" in queue.stderr


def test_connections_cannot_be_handed_to_other_hosts(monkeypatch: pytest.MonkeyPatch):
    workers = [SimpleNamespace(host=host, responds=responds) for host, responds in [("one", True), ("two", True)] * 10]
    monkeypatch.setattr(backends, "list_workers", lambda *_: workers)
    with pytest.raises(LabError, match="workers are running on one, two: run them on one host"):
        backends.require_workers(Chat(how="each"), ["rq"], backends.Settings())
    backends.require_workers(Chat(how="queue"), ["rq"], backends.Settings())
    backends.require_workers(Chat(how="each"), ["redis"], backends.Settings())
    workers[1::2] = [SimpleNamespace(host="two", responds=False)] * 10
    workers += [SimpleNamespace(host="one", responds=True)] * 10
    backends.require_workers(Chat(how="each"), ["rq"], backends.Settings())
