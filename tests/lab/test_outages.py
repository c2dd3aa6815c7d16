"""What an actor records while the server is away is recorded when it is back, and once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from lab import outages
from lab.logs import StreamLog
from lab.recorder import Recorder
from tests.support.actors import PATIENCE
from tests.support.proxy import Fault, Proxy
from tests.support.servers import Server


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[Server]:
    """A server that keeps its data."""
    with Server(tmp_path, appendonly="yes") as server:
        yield server


def test_recording_and_reading_outlast_a_restart(lasting: Server) -> None:
    log = StreamLog(lasting.url, "lab:test:trace")
    log.create()
    note = Recorder(StreamLog(lasting.url, "lab:test:trace"), "me").note
    note("starts")
    follower = log.follow(lambda: False)
    assert next(follower).what == "starts"
    lasting.kill()
    recording = threading.Thread(target=note, args=("ends",))
    recording.start()
    lasting.start()
    assert next(follower).what == "ends"
    recording.join(PATIENCE)
    assert [event.what for event in log.events()] == ["starts", "ends"]
    log.delete()


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_REPLY])
def test_an_event_that_was_sent_twice_happened_once(fault: Fault, lasting: Server, tmp_path: Path) -> None:
    with Proxy(str(tmp_path / "redis.sock")) as proxy:
        log = StreamLog(lasting.url, "lab:test:trace")
        log.create()
        recorder = Recorder(StreamLog(proxy.url, "lab:test:trace"), "me")
        recorder.note("starts")
        proxy.plan(b"XADD", fault)
        recorder.note("asks")
        recorder.note("ends")
        assert proxy.struck
        happened = ["starts", "asks", "ends"]
        assert [event.what for event in log.events()] == happened
        assert [event.what for event in log.follow(lambda: True)] == happened
        log.delete()


def test_patience_ends(lasting: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "PATIENCE", 0.3)
    lasting.kill()
    with pytest.raises(redis.ConnectionError):
        StreamLog(lasting.url, "lab:test:trace").events()
    lasting.start()
