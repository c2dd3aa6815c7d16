"""A follower of a log gets every event once, in order, and soon after it was recorded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.runtime.event_log import EventLog, FileLog, StreamLog
from lab.runtime.follow import follow_log
from lab.runtime.recorder import Recorder
from lab.trace import Event
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until


@pytest.fixture(params=["file", "stream"])
def log(request: pytest.FixtureRequest, tmp_path: Path, url: str) -> Iterator[EventLog]:
    if request.param == "file":
        yield FileLog(tmp_path / "trace")
        return
    stream = StreamLog(url, "lab:test:trace")
    stream.create()
    yield stream
    stream.delete()


def test_each_event_is_received_during_the_run(log: EventLog):
    received: list[Event] = []
    me = Recorder(log, "me")
    with follow_log(log, received.append):
        for number in range(3):
            me.record("counts", value=number)
            wait_until(lambda number=number: len(received) == number + 1)
    assert received == list(log.events())


def test_the_last_events_are_received_before_the_block_ends(log: EventLog):
    received: list[Event] = []
    busy, resume = threading.Event(), threading.Event()

    def on_event(event: Event) -> None:
        received.append(event)
        busy.set()
        resume.wait()

    me = Recorder(log, "me")
    with follow_log(log, on_event):
        me.record("counts", value=0)
        assert busy.wait(TIMEOUT)
        for number in range(1, 200):
            me.record("counts", value=number)
        resume.set()
    assert [event.value for event in received] == list(range(200))


def test_an_exception_in_the_callback_is_raised(log: EventLog):
    def on_event(_: Event) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError), follow_log(log, on_event):
        Recorder(log, "me").record("counts")


def test_an_exception_in_the_run_takes_precedence(log: EventLog):
    Recorder(log, "me").record("counts")
    with pytest.raises(KeyboardInterrupt), follow_log(log, lambda event: 1 / 0):
        raise KeyboardInterrupt


def test_an_incomplete_line_is_read_when_it_is_complete(tmp_path: Path):
    log, whole = FileLog(tmp_path / "trace"), FileLog(tmp_path / "whole")
    Recorder(whole, "me").record("counts")
    line = whole.path.read_bytes()
    received: list[Event] = []
    with log.path.open("ab", buffering=0) as file, follow_log(log, received.append):
        file.write(line + line[:20])
        wait_until(lambda: received)
        file.write(line[20:])
        wait_until(lambda: len(received) == 2)
