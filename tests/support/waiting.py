"""Waiting for a condition that can only be polled."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.actors import TIMEOUT


def wait_until(
    condition: Callable[[], object],
    timeout: float = TIMEOUT,
    fails_with: Callable[[], str] = lambda: "the condition did not become true",
) -> None:
    """Poll until `condition` is true; if it is not within `timeout` seconds, fail with the text of `fails_with`."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, fails_with()
        time.sleep(0.005)
