"""CPython's own tests of managers with own classes, on the broker."""

from __future__ import annotations

import functools
import os
import unittest
from typing import Any

import pytest

from broker import Context
from broker.managers import BaseManager
from broker.server.private_server import PrivateServer

try:
    from test import _test_multiprocessing as suite
except ImportError:  # some distributions leave out Python's `test` package
    if os.environ.get("CI"):
        raise
    pytest.skip("this Python comes without its `test` package", allow_module_level=True)

# Not _TestRemoteManager: it checks that xmlrpclib changes a tuple into a list.
TESTS = [
    pytest.param(case, test, id=f"{case.__name__}-{test}")
    for case in (suite._TestMyManager, suite._TestManagerRestart)
    for test in unittest.defaultTestLoader.getTestCaseNames(case)
]


def on_the_broker(manager: Any, context: Context) -> type[BaseManager]:
    """Return a manager with the same classes as one of multiprocessing's."""
    initialize = functools.partialmethod(BaseManager.__init__, ctx=context)
    copy: Any = type(manager.__name__, (BaseManager,), {"__init__": initialize})
    for typeid, (function, exposed, method_to_typeid, proxytype) in manager._registry.items():
        copy.register(typeid, function, proxytype, exposed, method_to_typeid, hasattr(manager, typeid))
    return copy


@pytest.mark.slow
@pytest.mark.parametrize(("case", "test"), TESTS)
def test_cpython(case: Any, test: str, server: PrivateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    result = unittest.TestResult()
    with Context(server.url) as context:
        monkeypatch.setattr(suite, "SERIALIZER", "pickle")
        for name in ("MyManager", "QueueManager"):
            monkeypatch.setattr(suite, name, on_the_broker(getattr(suite, name), context))
        type(case.__name__, (suite.ProcessesMixin, case, unittest.TestCase), {})(test).run(result)
    assert [text for _, text in result.errors + result.failures] == []
    assert (result.testsRun, result.skipped) == (1, [])
