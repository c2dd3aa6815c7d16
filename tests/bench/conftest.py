"""The servers of a benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from bench.server import Server

# The tests of the libraries that are compared run where bench/requirements.txt is installed.
PEERS = ("redis_lock", "walrus", "pottery", "lithops", "redis_fifo_lock", "portalocker")
collect_ignore = [] if all(map(find_spec, PEERS)) else ["test_targets.py", "test_implementations.py"]


@pytest.fixture(scope="module")
def servers() -> Iterator[Server]:
    started = Server()
    yield started
    started.close()
