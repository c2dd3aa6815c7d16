"""Waiting for a condition that can only be polled."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.actors import TIMEOUT


def wait_until(condition: Callable[[], object], timeout: float = TIMEOUT) -> None:
    """Poll until `condition` is true; fail if it is not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.005)
