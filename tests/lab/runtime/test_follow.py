"""Whoever follows a log hears of every event once, in order, and soon."""

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


def test_each_event_is_told_while_the_run_goes_on(log: EventLog):
    told: list[Event] = []
    me = Recorder(log, "me")
    with follow_log(log, told.append):
        for number in range(3):
            me.record("counts", value=number)
            wait_until(lambda number=number: len(told) == number + 1)
    assert told == list(log.events())


def test_what_was_recorded_last_is_told_before_the_end(log: EventLog):
    told: list[Event] = []
    busy, go_on = threading.Event(), threading.Event()

    def tell(event: Event) -> None:
        told.append(event)
        busy.set()
        go_on.wait()

    me = Recorder(log, "me")
    with follow_log(log, tell):
        me.record("counts", value=0)
        assert busy.wait(TIMEOUT)
        for number in range(1, 200):
            me.record("counts", value=number)
        go_on.set()
    assert [event.value for event in told] == list(range(200))


def test_what_goes_wrong_in_the_telling_is_not_lost(log: EventLog):
    def tell(_: Event) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError), follow_log(log, tell):
        Recorder(log, "me").record("counts")


def test_the_runs_own_failure_comes_first(log: EventLog):
    Recorder(log, "me").record("counts")
    with pytest.raises(KeyboardInterrupt), follow_log(log, lambda event: 1 / 0):
        raise KeyboardInterrupt


def test_half_a_line_waits_for_its_other_half(tmp_path: Path):
    log, whole = FileLog(tmp_path / "trace"), FileLog(tmp_path / "whole")
    Recorder(whole, "me").record("counts")
    line = whole.path.read_bytes()
    told: list[Event] = []
    with log.path.open("ab", buffering=0) as file, follow_log(log, told.append):
        file.write(line + line[:20])
        wait_until(lambda: told)
        file.write(line[20:])
        wait_until(lambda: len(told) == 2)
