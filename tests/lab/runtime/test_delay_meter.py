"""The delay meter measures how long the machine lets a process wait."""

from __future__ import annotations

import threading

from lab.runtime.delay_meter import PERIOD, DelayMeter
from lab.runtime.pause import pause_process


def test_a_paused_process_has_been_delayed():
    with DelayMeter() as meter:
        pause_process(0.3)
        assert meter.longest >= 0.3 - PERIOD
    assert meter.longest >= 0.3 - PERIOD
    assert meter.longest_microseconds == round(meter.longest * 1e6)


def test_the_measuring_thread_ends_with_the_block():
    with DelayMeter():
        assert any(thread.name == "lab-delay-meter" for thread in threading.enumerate())
    assert not any(thread.name == "lab-delay-meter" for thread in threading.enumerate())
