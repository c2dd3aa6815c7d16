"""CPython's own tests of multiprocessing, on the broker and on jobs with real workers."""

from __future__ import annotations

import multiprocessing
import os
import unittest
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import jobs
from broker.server.private_server import PrivateServer

try:
    from tests.contract import cpython
except ImportError:  # some distributions leave out Python's `test` package
    if os.environ.get("CI"):
        raise
    pytest.skip("this Python comes without its `test` package", allow_module_level=True)

WORKERS = 8  # the tests need up to seven processes at a time
# What is not promised, by patterns of the tests' names; docs/semantics.md says what holds instead.
EXCLUDED = {
    "_TestEvent-test_repr": "the text of repr() is the name instead of the state",
    "_TestQueue-test_queue_feeder_donot_stop_onexc": "put() itself raises what pickling raises: no thread sends later",
    "_TestQueue-test_closed_queue_empty_exceptions": "whether empty() of a closed queue raises depends on its use",
    "TestSimpleQueue-test_closed": "it looks at the two ends of the pipe in a SimpleQueue; here there is no pipe",
    "_TestConnection-*_fd_transfer": "a pipe over a network carries no file descriptors",
    "TestWait-test_wait_integer": "wait() returns what is ready, and what was just sent may arrive a moment later",
    "_TestProcess-test_forkserver_*": "it kills multiprocessing's fork server",
}
EXCLUDED_ON = {
    "fork": {"_TestProcess-test_child_fd_inflation": "CPython skips it: a forked child has its parent's descriptors"},
    "jobs": {
        "_TestProcess-test_child_fd_inflation": "a process also has what its worker has open, as with fork",
        "_TestPoolWorkerErrors-test_unpickleable_result": "its result is a lambda, which jobs can pickle",
        "_TestPoolWorkerLifetime-test_pool_worker_lifetime": "a process has a pid only when a worker has started it",
        "_TestProcess-test_process": "what a process has sent may arrive before its pid does",
    },
}
pytestmark = pytest.mark.slow


def _runs(name: str, package: str, method: str) -> bool:
    excluded = [*EXCLUDED, *EXCLUDED_ON.get(package, ()), *EXCLUDED_ON.get(method, ())]
    return not any(fnmatchcase(name, pattern) for pattern in excluded)


TESTS = [
    pytest.param(package, method, case, test, id=f"{package}-{method}-{case}-{test}")
    for package in ("broker", "jobs")
    for method in ("fork", "spawn")
    for case, test in cpython.TESTS
    if _runs(f"{case}-{test}", package, method)
]


@pytest.fixture(scope="module")
def workers(server: PrivateServer) -> Iterator[jobs.Workers]:
    with jobs.Workers(server.url, cpython.QUEUE, WORKERS, Path(__file__).parents[2], [cpython.__name__]) as workers:
        yield workers


@pytest.fixture(autouse=True)
def _no_context_left() -> Iterator[None]:
    yield
    cpython.case_of.cache_clear()
    cpython.context_of.cache_clear()


@pytest.mark.parametrize(("package", "method", "case", "test"), TESTS)
def test_cpython(
    package: str,
    method: str,
    case: str,
    test: str,
    server: PrivateServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if package == "jobs":
        request.getfixturevalue("workers")
    result = unittest.TestResult()
    with cpython.context_of(package, method, server.url) as context:
        tests = unittest.TestSuite([cpython.case_of(case, package, method, server.url)(test)])
        monkeypatch.setattr(cpython.suite, "multiprocessing", cpython.multiprocessing_of(context))
        monkeypatch.setattr(cpython.suite, "Value", context.Value)
        monkeypatch.setattr(cpython.suite, "_UpperCaser", cpython.upper_caser_of(context))
        tests.run(result)
    assert [text for _, text in result.errors + result.failures] == []
    assert (result.testsRun, result.skipped) == (1, [])
    assert multiprocessing.active_children() == []
