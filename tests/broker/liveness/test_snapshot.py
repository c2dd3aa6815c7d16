"""When a watched board has to be read again."""

from __future__ import annotations

import json

import pytest

from broker.liveness.snapshot import MARGIN, Reading
from broker.liveness.timing import Timing

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("silence", "certain_in", "valid_for"),
    [
        pytest.param(10, 0, 4, id="nothing changes for longer than the poll interval"),
        pytest.param(54, 0, 1, id="the name becomes late"),
        pytest.param(58, 0, 2, id="the late name becomes dead"),
        pytest.param(58, 3, 3, id="the late name becomes dead when that is certain"),
    ],
)
def test_reading_is_valid_until_a_name_may_change_its_state(silence: int, certain_in: int, valid_for: int) -> None:
    reports = json.dumps(["", str(NOW), "name", str(NOW - silence * SECOND)]).encode()
    reading = Reading(Timing(60.0), NOW, NOW + certain_in * SECOND, b"version", reports, b"[]")
    assert reading.valid_for == pytest.approx(valid_for + MARGIN)
