"""Waiting for a state that nobody announces."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.actors import PATIENCE


def eventually(condition: Callable[[], object], timeout: float = PATIENCE) -> None:
    """Return as soon as `condition` holds; fail if it does not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
