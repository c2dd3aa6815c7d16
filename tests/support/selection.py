"""Which tests run, on how many xdist workers, and in which order."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

WORKERS_PER_CPU = 3  # tests mostly wait
EXAMPLES = {"fast": 20, "all": 150}  # of a property
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]  # a busy machine is no error

# Each of these runs on one worker, and they start first: their tests share what is expensive, or run side by side.
TOGETHER = ("tests/packaging/", "tests/compose/", "tests/course/", "tests/hosts/")
LONGEST = (*TOGETHER, "tests/simulation/", "tests/lab/", "tests/jobs/", "tests/contract/", "tests/broker/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="Run the slow tests, too, and properties on more examples.")


def pytest_configure(config: pytest.Config) -> None:
    for name, examples in EXAMPLES.items():
        settings.register_profile(name, max_examples=examples, deadline=None, suppress_health_check=SUPPRESSED)
    settings.load_profile("all" if config.getoption("all") else "fast")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("all"):
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
    items.sort(key=lambda item: LONGEST.index(_within(LONGEST, item.nodeid) or LONGEST[-1]))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run single tests in this process, and files and folders on several workers."""
    return 0 if all("::" in argument for argument in config.args) else WORKERS_PER_CPU * (os.cpu_count() or 1)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    return Scheduler(config, log)


class Scheduler(LoadScopeScheduling):
    """Gives a worker one file after another, preferably of one folder, and at the end a share in other workers' files.

    So fixtures of a file or a folder are set up on few workers, and all workers end at about the same time.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._current: dict[Any, str] = {}  # the file of each worker
        self._begun: set[str] = set()

    def _split_scope(self, nodeid: str) -> str:
        return _within(TOGETHER, nodeid) or nodeid

    def _assign_work_unit(self, node: Any) -> None:
        current = self._current.get(node, "")

        def distance(scope: str) -> tuple[bool, bool, bool]:
            file = _file(scope)
            return file != current, file in self._begun, _folder(file) != _folder(current)

        chosen = min(self.workqueue, key=distance)
        self._current[node] = _file(chosen)
        self._begun.add(_file(chosen))
        self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)

    def remove_node(self, node: Any) -> str | None:
        """Remove a worker. Unlike xdist's own, do not run the test again in which it ended: another would end there."""
        units = self.assigned_work.pop(node)
        crashed = next((test for tests in units.values() for test, done in tests.items() if not done), None)
        if crashed is None:
            return None
        units[self._split_scope(crashed)][crashed] = True
        self.workqueue.update({scope: tests for scope, tests in units.items() if not all(tests.values())})
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed


def _within(folders: Iterable[str], nodeid: str) -> str:
    return next((folder for folder in folders if nodeid.startswith(folder)), "")


def _file(scope: str) -> str:
    return scope.partition("::")[0]


def _folder(file: str) -> str:
    return file.rpartition("/")[0]
