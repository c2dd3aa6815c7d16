"""The parent's side of status messages."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from jobs.exchange import status
from jobs.exchange.status import RECOVERY_TIME, SLOW_CHECK, StatusReader


class Job:
    """A job that has been lost; `delay` is how long the server takes to say so."""

    def __init__(self, clock: SimpleNamespace, delay: float) -> None:
        self.lost = False
        self._clock = clock
        self._delay = delay

    def on_status(self, message: object) -> None:
        raise AssertionError("it sends none")

    def is_lost(self) -> bool:
        self._clock.now += self._delay
        return True

    def on_lost(self) -> None:
        self.lost = True


@pytest.mark.parametrize(("delay", "outage"), [(SLOW_CHECK / 2, False), (SLOW_CHECK * 2, True)])
def test_check_that_takes_long_is_an_outage(delay: float, outage: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(status, "time", clock)
    reader, job = StatusReader("unix:///nowhere"), Job(clock, delay)
    monkeypatch.setattr(reader.queue, "qsize", lambda: 0)
    reader._listeners["job"] = job
    reader._find_lost_jobs()
    assert reader.is_recovering() == outage
    assert job.lost != outage
    clock.now += RECOVERY_TIME
    assert not reader.is_recovering()
