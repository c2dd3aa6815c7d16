"""CPython's own tests of multiprocessing, from its `test` package, on contexts of the broker and of jobs."""

from __future__ import annotations

import copyreg
import functools
import multiprocessing
import unittest
from types import ModuleType
from typing import Any

from test import _test_multiprocessing as suite

import broker
import jobs

QUEUE = "cpython"  # of the workers
# What the tests take from multiprocessing, and a context provides.
PROVIDED = (
    *("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier", "Process", "Pool", "Pipe"),
    *("Queue", "SimpleQueue", "JoinableQueue", "Value", "Array", "RawValue", "RawArray"),
)
MANAGED = ("list", "dict", "Namespace", "Queue")
PRIMITIVES = (
    *("_TestLock", "_TestSemaphore", "_TestCondition", "_TestEvent", "_TestBarrier"),
    *("_TestValue", "_TestArray", "_TestSharedCTypes", "_TestContainers"),
)
PROCESSES = ("_TestProcess", "_TestSubclassingProcess", "_TestPollEintr")
POOLS = ("_TestPool", "_TestPoolWorkerErrors", "_TestPoolWorkerLifetime")
MESSAGES = ("_TestQueue", "TestSimpleQueue", "_TestConnection", "_TestPoll", "_TestPicklingConnections", "TestWait")
TESTS = [
    (case, test)
    for case in (*PRIMITIVES, *PROCESSES, *POOLS, *MESSAGES)
    for test in unittest.defaultTestLoader.getTestCaseNames(getattr(suite, case))
]


class CaseType(type):
    """The type of the cases. A process that a case starts gets the same case, with a context of its own."""


class DummyList:
    """As the suite's own, which is in the memory of one machine: only its length matters."""

    def __init__(self, length: Any) -> None:
        self._length = length

    def append(self, _: object) -> None:
        self._length.add(1)

    def __len__(self) -> int:
        return int(self._length.value)


@functools.cache
def context_of(package: str, method: str, url: str) -> Any:
    """Return this process's context for a case."""
    return broker.Context(url, method=method) if package == "broker" else jobs.Context(url, method=method, queue=QUEUE)


@functools.cache
def case_of(name: str, package: str, method: str, url: str) -> Any:
    """Return CPython's case of this name, whose tests use a context of `package`."""
    context, origin = context_of(package, method, url), getattr(suite, name)
    bases = (origin,) if issubclass(origin, unittest.TestCase) else (origin, suite.ProcessesMixin, unittest.TestCase)
    attributes = {each: staticmethod(getattr(context, each)) for each in PROVIDED}
    if name == "_TestContainers":  # as for a manager's proxies, but for the manager's process
        manager = context.Manager()
        attributes |= {"TYPE": "manager"} | {each: staticmethod(getattr(manager, each)) for each in MANAGED}
    attributes["DummyList"] = lambda _: DummyList(context.Value("i"))
    attributes |= {"check_invariant": check_invariant, "__module__": __name__, "_key": (name, package, method, url)}
    case = CaseType(name, bases, attributes)
    globals()[name] = case  # cloudpickle pickles by value what it does not find
    return case


copyreg.pickle(CaseType, lambda case: (case_of, case._key))  # type: ignore[attr-defined]


def check_invariant(_: object, condition: Any) -> None:
    """Check that nobody waits for a condition; CPython's own counts multiprocessing's semaphores."""
    assert condition.waiters() == []


def multiprocessing_of(context: Any) -> ModuleType:
    """Return `multiprocessing` with what a context provides: what the suite has imported under this name."""
    module = ModuleType("multiprocessing")
    vars(module).update(vars(multiprocessing))
    vars(module).update({name: getattr(context, name) for name in (*PROVIDED, "get_context", "get_start_method")})
    return module


def upper_caser_of(context: Any) -> type:
    """Return the suite's own subclass of `multiprocessing.Process` as a subclass of the context's."""
    attributes = {
        name: value for name, value in vars(suite._UpperCaser).items() if name not in {"__dict__", "__weakref__"}
    }
    return type("_UpperCaser", (context.Process,), attributes)
