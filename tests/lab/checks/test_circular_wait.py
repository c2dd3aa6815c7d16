"""Threads that wait for each other in a circle are found, and others are not."""

from __future__ import annotations

from broker import Holder, PrimitiveInfo, Waiter
from lab.checks.circular_wait import circular_wait
from lab.report.primitives import explain_circular_wait


def lock(name: str, holder: int | None, *waiters: int, capacity: int = 1, kind: str = "Lock") -> PrimitiveInfo:
    """Return a primitive; who holds it and who waits for it are numbers of processes."""
    holders = () if holder is None else (Holder("one", holder, f"p{holder}", holder, 1, 1.0, 9.0),)
    queue = [Waiter("one", pid, f"p{pid}", pid, "acquire", place, 2.0) for place, pid in enumerate(waiters, 1)]
    return PrimitiveInfo(kind, name, capacity=capacity, holders=holders, waiters=tuple(queue), waiting=len(queue))


def test_two_that_wait_for_each_other():
    primitives = [lock("a", 1, 2), lock("b", 2, 1)]
    assert [(wait.waiter.pid, wait.wanted.name) for wait in circular_wait(primitives)] == [(1, "b"), (2, "a")]
    assert explain_circular_wait(primitives) == (
        "Circular wait: p1 (one/1) holds a and waits for b; p2 (one/2) holds b and waits for a."
    )


def test_three_in_a_circle_and_others_that_wait_for_them():
    primitives = [lock("a", 1, 3), lock("b", 2, 9, 1), lock("c", 3, 2), lock("d", 9, 8)]
    assert [(wait.waiter.pid, wait.wanted.name) for wait in circular_wait(primitives)] == [(1, "b"), (2, "c"), (3, "a")]


def test_one_that_waits_for_what_it_holds():
    [wait] = circular_wait([lock("a", 1, 1)])
    assert (wait.waiter.pid, wait.wanted.name) == (1, "a")


def test_no_circle():
    assert circular_wait([]) == []
    assert circular_wait([lock("a", 1, 2, 3), lock("b", 2, 3), lock("c", None, 1)]) == []
    assert explain_circular_wait([lock("a", 1, 2)]) == ""


def test_other_holders_of_a_semaphore_may_end_the_wait():
    several = [lock("a", 1, 2), lock("b", 2, 1, capacity=2, kind="Semaphore")]
    assert circular_wait(several) == []
    single = [lock("a", 1, 2), lock("b", 2, 1, kind="Semaphore")]
    assert len(circular_wait(single)) == 2


def test_threads_of_one_process_are_told_apart():
    holder, waiter = Holder("one", 1, "p1", 7, 1, 1.0, 9.0), Waiter("one", 1, "p1", 8, "acquire", 1, 2.0)
    assert circular_wait([PrimitiveInfo("Lock", "a", capacity=1, holders=(holder,), waiters=(waiter,))]) == []


def test_a_queue_of_one_item_is_no_lock():
    holder, waiter = Holder("one", 1, "p1", 1, 1, 1.0, 9.0), Waiter("one", 1, "p1", 1, "get", 1, 2.0)
    tasks = PrimitiveInfo("JoinableQueue", "a", capacity=1, items=0, holders=(holder,), waiters=(waiter,))
    assert circular_wait([tasks]) == []
