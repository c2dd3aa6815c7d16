"""The locks of other libraries, as the benchmark uses them. No extra installs these libraries."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest

from bench import contention, implementations, signals, uncontended, wake
from bench.server import Server
from tests.support.waiting import wait_until

# Of an acquire and release, where Redis sees them, as README.md has them.
MESSAGES = {
    "redis-py": 2,
    "python-redis-lock": 3,
    "walrus": 2,
    "pottery": 2,
    "portalocker": 7,
    "redis-fifo-lock": 2,
    "lithops": 4,
}
NAMES = ["broker", *MESSAGES, "SyncManager", "multiprocessing"]
# The libraries leave it to the collector to close their connections.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _nothing_is_left(servers: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LITHOPS_CONFIG", "")  # the benchmark sets it
    yield
    gc.collect()  # while the servers are there: lithops' objects delete their keys


def lock_of(servers: Server, name: str) -> implementations.Implementation:
    return {each.name: each for each in implementations.locks(servers)}[name]


def test_all_locks_are_compared(servers: Server) -> None:
    assert [each.name for each in implementations.locks(servers)] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_waiter_gets_the_lock_when_it_is_released(servers: Server, name: str) -> None:
    rows = wake.wake_times([signals.LockSignal(lock_of(servers, name))], rounds=3)
    assert min(rows[name]["samples"]) > 0


@pytest.mark.parametrize("name", NAMES)
def test_all_threads_or_tasks_compete_for_one_lock(servers: Server, name: str) -> None:
    began = time.monotonic()
    with contention.contention(lock_of(servers, name), processes=2, threads=2) as counters:
        wait_until(lambda: sum(counters.acquired) >= 8)
    elapsed = time.monotonic() - began
    assert len(counters.acquired) == 4
    assert 0 < sum(counters.held) <= elapsed  # never two at a time


@pytest.mark.parametrize("name", MESSAGES)
def test_an_uncontended_pair_costs_what_the_readme_says(servers: Server, name: str) -> None:
    assert uncontended.count_messages(servers, lock_of(servers, name)) == MESSAGES[name]
