"""What a manager creates, multiprocessing's and the broker's: the same arguments, and the errors of threading's."""

from __future__ import annotations

import inspect
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import managers, pool
from typing import Any

import pytest

from broker.managers import proxies
from tests.support.actors import Actors

# What is created, by what it is in the process of multiprocessing's manager.
PRIMITIVES: dict[str, Any] = {
    "Lock": threading.Lock,
    "RLock": threading.RLock,
    "Semaphore": threading.Semaphore,
    "BoundedSemaphore": threading.BoundedSemaphore,
    "Condition": threading.Condition,
    "Event": threading.Event,
    "Barrier": threading.Barrier,
    "Queue": queue.Queue,
    "JoinableQueue": queue.Queue,
    "Pool": pool.Pool,
}
ARGUMENTS = {"Barrier": (1,), "Pool": (1,)}
MISSING = {  # docs/semantics.md says so
    "Queue": {"join", "task_done", "shutdown"},
    "JoinableQueue": {"shutdown"},
}
SET_METHODS = [  # from Python 3.14 on, `multiprocessing.managers.SetProxy` has them
    *("__and__", "__contains__", "__iand__", "__ior__", "__isub__", "__iter__", "__ixor__", "__len__", "__or__"),
    *("__rand__", "__ror__", "__rsub__", "__rxor__", "__sub__", "__xor__", "__ge__", "__gt__", "__le__", "__lt__"),
    *("__class_getitem__", "add", "clear", "copy", "difference", "difference_update", "discard", "intersection"),
    *("intersection_update", "isdisjoint", "issubset", "issuperset", "pop", "remove", "symmetric_difference"),
    *("symmetric_difference_update", "union", "update"),
]
LOCKS = ["Lock", "RLock", "Condition"]
SEMAPHORES = ["Semaphore", "BoundedSemaphore"]


@pytest.fixture
def manager(context: Any) -> Iterator[Any]:
    with context.Manager() as made:
        yield made


def methods_of(name: str) -> dict[str, inspect.Signature]:
    """Return the methods of a proxy of multiprocessing, with their parameters."""
    proxy: Any = managers.SyncManager._registry[name][3]  # type: ignore[attr-defined]
    if proxy is managers.AutoProxy:  # type: ignore[attr-defined]
        proxy = PRIMITIVES[name]
    methods = {
        method: inspect.signature(function)
        for method, function in inspect.getmembers(proxy, inspect.isfunction)
        if not method.startswith("_") and method not in vars(managers.BaseProxy)
    }
    assert len(methods) > 1
    return methods


def accepts(function: Callable[..., object], parameters: list[str]) -> None:
    """Fail if a function does not take these parameters, in this order and by these names."""
    signature = inspect.signature(function)
    signature.bind(*parameters)
    signature.bind(**dict.fromkeys(parameters))


@pytest.mark.parametrize("name", PRIMITIVES)
def test_parameters(manager: Any, name: str) -> None:
    kind, create = PRIMITIVES[name], getattr(manager, name)
    if inspect.isclass(kind):  # else it has none
        accepts(create, [each for each in inspect.signature(kind).parameters if each != "context"])
    made = create(*ARGUMENTS.get(name, ()))
    for method, signature in methods_of(name).items():
        if hasattr(made, method) or method not in MISSING.get(name, ()):
            parameters = [*signature.parameters][1:]
            if parameters == ["args", "kwds"]:  # those of the object itself, which is of the same class
                assert callable(getattr(made, method))
            else:
                accepts(getattr(made, method), parameters)
    if name == "Pool":
        made.terminate()
        made.join()


@pytest.mark.parametrize("name", ["ListProxy", "DictProxy", "SetProxy"])
def test_methods_of_containers(name: str) -> None:
    theirs = getattr(managers, name, None)
    exposed = SET_METHODS if theirs is None else theirs._exposed_
    assert {*exposed} <= {*dir(getattr(proxies, name))}


@pytest.mark.parametrize("name", LOCKS)
def test_a_timeout_of_minus_one_is_none(manager: Any, name: str, actors: Actors) -> None:
    lock = getattr(manager, name)()
    holder, waiter = actors.thread(lock), actors.thread(lock)
    assert holder.call("acquire", True, -1)
    waiter.begin("acquire", timeout=-1)
    assert waiter.blocked(0.2)
    assert lock.acquire(False, -1) is False
    holder.call("release")
    assert waiter.result() is True
    waiter.call("release")


@pytest.mark.parametrize("name", LOCKS)
def test_locked(manager: Any, name: str) -> None:
    if type(manager) is managers.SyncManager and sys.version_info < (3, 14):
        return  # it is new
    with (lock := getattr(manager, name)()):
        assert lock.locked() is True
    assert lock.locked() is False


@pytest.mark.parametrize("name", SEMAPHORES)
def test_any_timeout_of_a_semaphore_that_is_not_positive_is_over(manager: Any, name: str) -> None:
    permits = getattr(manager, name)(1)
    assert permits.acquire(timeout=-1)
    for timeout in (0, -1, -2.5):
        assert permits.acquire(True, timeout) is False


@pytest.mark.parametrize("name", LOCKS + SEMAPHORES)
def test_timeouts_that_are_refused(manager: Any, name: str) -> None:
    permits = getattr(manager, name)()
    if name in SEMAPHORES:
        permits.acquire()  # threading's look at a timeout only when they wait
    for arguments in [(False, 1), *([(True, -2), (True, -0.5)] if name in LOCKS else [(False, -1)])]:
        with pytest.raises(ValueError, match="timeout"):
            permits.acquire(*arguments)
    with pytest.raises(TypeError):
        permits.acquire(True, "1")


@pytest.mark.parametrize("name", ["Queue", "JoinableQueue"])
def test_timeouts_of_queues(manager: Any, name: str) -> None:
    items = getattr(manager, name)(1)
    with pytest.raises(ValueError, match="timeout"):
        items.get(timeout=-1)
    with pytest.raises(queue.Empty):
        items.get(False, -1)
    items.put(item=1, timeout=0)
    with pytest.raises(ValueError, match="timeout"):
        items.put(2, True, -0.5)
    with pytest.raises(queue.Full):
        items.put(2, False, -1)
    assert items.get(timeout=1) == 1
    unlimited = getattr(manager, name)()
    unlimited.put(3, True, -1)  # which never waits
    assert unlimited.get() == 3


@pytest.mark.parametrize(
    ("name", "call", "error"),
    [
        ("Lock", "release", RuntimeError),
        ("RLock", "release", RuntimeError),
        ("BoundedSemaphore", "release", ValueError),
        *(("Condition", call, RuntimeError) for call in ("release", "wait", "notify", "notify_all")),
        ("JoinableQueue", "task_done", ValueError),
    ],
)
def test_what_is_not_held(manager: Any, name: str, call: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        getattr(getattr(manager, name)(), call)()


def test_a_lock_of_another_thread(manager: Any, actors: Actors) -> None:
    lock = manager.RLock()
    actors.thread(lock).call("acquire")
    with pytest.raises(RuntimeError):
        lock.release()
    condition = manager.Condition(manager.Lock())
    assert condition.acquire(timeout=-1)
    assert condition.wait(-1) is False
    condition.release()
