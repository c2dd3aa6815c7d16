"""CPython's own tests of multiprocessing's primitives, on the broker."""

from __future__ import annotations

import multiprocessing
import os
import unittest

import pytest

from broker import Context
from broker.server.private_server import PrivateServer

try:
    from tests.contract.cpython import CASES, suite
except ImportError:  # some distributions leave out Python's `test` package
    if os.environ.get("CI"):
        raise
    pytest.skip("this Python comes without its `test` package", allow_module_level=True)

# What the broker provides; the tests use multiprocessing's own of the rest.
PROVIDED = (
    *("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"),
    *("Queue", "JoinableQueue", "Pipe", "Process"),
    *("Value", "Array", "RawValue", "RawArray"),
)
MANAGED = ("list", "dict", "Namespace", "Queue")
# What the broker does not promise, by a part of the test's name.
EXCLUDED = {"repr": "the text of repr() is the name instead of the state"}
SLOW = {"test_thousand"}
TESTS = [
    pytest.param(case, test, id=f"{case}-{test}", marks=[pytest.mark.slow] if test in SLOW else [])
    for case, tests in CASES.items()
    for test in unittest.defaultTestLoader.getTestCaseNames(tests)
    if not any(part in test for part in EXCLUDED)
]


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("case", "test"), TESTS)
def test_cpython(case: str, test: str, method: str, server: PrivateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    result = unittest.TestResult()
    monkeypatch.setattr(
        multiprocessing.context._default_context, "_actual_context", multiprocessing.get_context(method)
    )
    with Context(server.url, method=method) as context:
        provider, names = (context.Manager(), MANAGED) if case == "_TestContainers" else (context, PROVIDED)
        for name in names:
            monkeypatch.setattr(CASES[case], name, staticmethod(getattr(provider, name)))
        monkeypatch.setattr(suite, "Value", context.Value)  # some tests use multiprocessing's function
        CASES[case](test).run(result)
    assert [text for _, text in result.errors + result.failures] == []
    assert (result.testsRun, result.skipped) == (1, [])
