"""Which tests a worker gets, and what becomes of those of a worker that has ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.selection import Scheduler

TESTS = ["tests/a/test_1.py::one", "tests/a/test_1.py::two", "tests/b/test_2.py::one", "tests/hosts/test_3.py::one"]
TESTS += ["tests/hosts/test_4.py::one", "tests/b/test_2.py::two", "tests/a/test_5.py::one"]


class Worker:
    """An xdist worker that only notes which tests it is sent."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.tests: list[str] = []
        self.shutting_down = False

    def send_runtest_some(self, indexes: list[int]) -> None:
        self.tests += [TESTS[index] for index in indexes]

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def workers() -> list[Worker]:
    return [Worker("first"), Worker("second")]


@pytest.fixture
def scheduler(pytestconfig: pytest.Config, workers: list[Worker], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(pytestconfig.option, "tx", ["2*popen"])
    started = Scheduler(pytestconfig, None)
    for worker in workers:
        started.add_node(worker)
        started.add_node_collection(worker, TESTS)
    started.schedule()
    return started


def run_next(scheduler: Any, worker: Worker) -> None:
    """Let a worker finish the first test that it has not finished."""
    units = scheduler.assigned_work[worker].values()
    test = next(test for tests in units for test, done in tests.items() if not done)
    scheduler.mark_test_complete(worker, TESTS.index(test))


def finish(scheduler: Any, worker: Worker) -> None:
    while scheduler._pending_of(scheduler.assigned_work[worker]):
        run_next(scheduler, worker)


def test_every_test_runs_once(scheduler: Any, workers: list[Worker]) -> None:
    for worker in workers:
        finish(scheduler, worker)
    assert sorted(workers[0].tests + workers[1].tests) == sorted(TESTS)


def test_a_folder_of_tests_that_run_side_by_side_stays_on_one_worker(scheduler: Any, workers: list[Worker]) -> None:
    assert scheduler._split_scope(TESTS[3]) == scheduler._split_scope(TESTS[4])
    assert scheduler._split_scope(TESTS[0]) != scheduler._split_scope(TESTS[1])


def test_workers_begin_with_different_files(workers: list[Worker], scheduler: Any) -> None:
    first, second = (worker.tests[0].partition("::")[0] for worker in workers)
    assert first != second


def test_a_test_in_which_a_worker_ended_is_not_run_again(scheduler: Any, workers: list[Worker]) -> None:
    first, second = workers
    run_next(scheduler, first)
    finished, crashed = first.tests[:2]
    assert scheduler.remove_node(first) == crashed
    finish(scheduler, second)
    assert sorted([finished, crashed, *second.tests]) == sorted(TESTS)


def test_a_worker_that_has_run_all_its_tests_is_removed_without_a_crash(scheduler: Any, workers: list[Worker]) -> None:
    finish(scheduler, workers[0])
    assert scheduler.remove_node(workers[0]) is None
