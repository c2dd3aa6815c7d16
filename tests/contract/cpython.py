"""CPython's own tests of multiprocessing's primitives, from its `test` package."""

from __future__ import annotations

import unittest
from typing import Any

from test import _test_multiprocessing as suite

NAMES = (
    *("_TestLock", "_TestSemaphore", "_TestCondition", "_TestEvent", "_TestBarrier"),
    *("_TestValue", "_TestArray", "_TestSharedCTypes"),
)


class Mixin(suite.ProcessesMixin):
    """As for multiprocessing's processes."""

    def check_invariant(self, condition: Any) -> None:
        """Check that nobody waits; CPython's own counts multiprocessing's semaphores."""
        assert condition.waiters() == []


# Globals, since processes that are spawned import them.
CASES: dict[str, Any] = {
    name: type(name, (Mixin, getattr(suite, name), unittest.TestCase), {"__module__": __name__}) for name in NAMES
}
# As for a manager's proxies, but for the manager's process.
CASES["_TestContainers"] = type(
    "_TestContainers",
    (suite.ManagerMixin, suite._TestContainers, unittest.TestCase),
    {"__module__": __name__, "setUpClass": classmethod(lambda _: None), "tearDownClass": classmethod(lambda _: None)},
)
globals().update(CASES)
