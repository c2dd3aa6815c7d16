"""During a run, the server closes connections, or is killed and restarted with its data."""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from broker import ServerUnavailableError
from broker.server.private_server import PrivateServer
from lab.runtime import redis_client as server_module
from lab.runtime.event_log import StreamLog
from lab.runtime.recorder import Recorder
from lab.runtime.store import RedisStore
from tests.support.actors import TIMEOUT
from tests.support.lab import StartLab, table_rows
from tests.support.proxy import Fault, Proxy
from tests.support.servers import Server
from tests.support.waiting import wait_until


@pytest.fixture
def proxy(server: PrivateServer, url: str, monkeypatch) -> Iterator[Proxy]:
    monkeypatch.setattr(server_module, "REPLY_TIMEOUT", 0.3)
    with Proxy(server.url.removeprefix("unix://")) as started:
        yield started


@pytest.mark.parametrize("fault", Fault)
def test_an_event_is_recorded_once_and_in_order(proxy: Proxy, fault: Fault):
    log = StreamLog(proxy.url, "lab:test:trace")
    log.create()
    me, other = Recorder(log, "me"), Recorder(StreamLog(proxy.url, "lab:test:trace"), "other")
    me.record("requests")
    proxy.inject(b"enters", fault)
    me.record("enters")
    assert proxy.all_injected
    other.record("requests")
    me.record("leaves")
    recorded = [(event.who, event.what) for event in log.events()]
    assert recorded == [("me", "requests"), ("me", "enters"), ("other", "requests"), ("me", "leaves")]
    assert [(event.who, event.what) for event in log.follow(lambda: True)] == recorded
    log.delete()
    other.log.delete()  # type: ignore[attr-defined]


def test_recording_and_following_continue_after_a_restart():
    with (
        tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder,
        Server(Path(folder), appendonly="yes", appendfsync="always") as server,
    ):
        log = StreamLog(server.url, "lab:test:trace")
        log.create()
        record = Recorder(StreamLog(server.url, "lab:test:trace"), "me").record
        record("starts")
        follower = log.follow(lambda: False)
        assert next(follower).what == "starts"
        server.kill()
        recording = threading.Thread(target=record, args=("ends",))
        recording.start()
        server.start()
        assert next(follower).what == "ends"
        recording.join(TIMEOUT)
        assert [event.what for event in log.events()] == ["starts", "ends"]
        log.delete()


def test_a_forked_childs_events_are_not_duplicates_of_its_parents(url: str):
    """The child inherits the log; what it records must not count as sent again by the parent."""
    log = StreamLog(url, "lab:test:trace")
    log.create()
    parent, child = Recorder(log, "parent"), Recorder(log, "child")
    parent.record("starts")
    process = multiprocessing.get_context("fork").Process(target=child.record, args=("starts",))
    process.start()
    process.join()
    parent.record("ends")
    assert [(event.who, event.what) for event in log.events()] == [
        ("parent", "starts"),
        ("child", "starts"),
        ("parent", "ends"),
    ]
    assert [event.offset is not None for event in log.events()] == [True, True, False]
    log.delete()


@pytest.mark.parametrize("fault", Fault)
def test_a_write_is_done_once(proxy: Proxy, fault: Fault):
    store = RedisStore(proxy.url, "lab:test:db")
    store.create(5)
    proxy.inject(b"EVAL", fault)
    assert store.read(fence=1) == 5
    proxy.inject(b'"count": 4', fault)
    store.write(4, fence=1)
    assert proxy.all_injected
    assert store.read() == 4
    store.delete()


def test_an_unreachable_server_is_reported_in_one_sentence(monkeypatch):
    monkeypatch.setattr("broker.engine.requests.RETRY_TIMEOUT", 0.1)
    with pytest.raises(ServerUnavailableError, match=r"did not answer for .* is it running"):
        RedisStore("redis://127.0.0.1:1", "lab:test:db").read()


@pytest.mark.parametrize("backend", ["redis", "rq"])
def test_a_run_continues_after_the_server_was_killed_and_restarted(start: StartLab, backend: str):
    with (
        tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder,
        Server(Path(folder), appendonly="yes", appendfsync="always") as server,
    ):
        few = ("--clients", 8, "--stock", 3, "--pace", 0.2, "--workers", 3)
        session = start("compare", "tickets", *few, "--on", backend, "--redis-url", server.url)
        with redis.Redis.from_url(server.url) as client:
            wait_until(lambda: "buys" in session.events(client))
        server.kill()
        server.start()
        done = session.finish()
        assert done.returncode == 0, done.stdout + done.stderr
        assert table_rows(done.stdout)["sold"] == ["3"]
        assert "all 8 finished" in " ".join(done.stdout.split())
