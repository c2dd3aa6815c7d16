"""What every queue promises, multiprocessing's and the broker's."""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import socket
from multiprocessing import resource_sharer
from typing import Any

import pytest

from tests.contract.backends import PROCESSES, Backend
from tests.contract.samples import PICKLABLE
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

KINDS = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
ALL_KINDS = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue", "SimpleQueue"])
TIMEOUTS = pytest.mark.parametrize("timeout", [0, 0.0, -1, 1e-9, 0.05])


class Workload:
    """A queue of numbered items, and another queue that logs each item got; the item None ends a consumer."""

    def __init__(self, items: Any, log: Any) -> None:
        self.items = items
        self.log = log

    def produce(self, index: int, count: int) -> None:
        for number in range(count):
            self.items.put((index, number))

    def consume(self) -> list[tuple[int, int]]:
        consumed = []
        for item in iter(self.items.get, None):
            consumed.append(item)
            self.log.put(item)
        return consumed


@ALL_KINDS
def test_items_are_got_unchanged_and_in_order(context: Any, kind: str) -> None:
    items = getattr(context, kind)()
    for item in PICKLABLE:
        assert items.put(item) is None
    received = [items.get() for _ in PICKLABLE]
    assert repr(received) == repr(PICKLABLE)
    assert items.empty() is True


@ALL_KINDS
def test_large_item(context: Any, kind: str, actors: Any) -> None:
    items = getattr(context, kind)()
    large = bytes(range(256)) * 20_000
    consumer = actors.thread(items)
    consumer.begin("get")
    items.put(large)
    assert consumer.result() == large


@KINDS
@TIMEOUTS
def test_get_raises_empty_after_any_timeout(context: Any, kind: str, timeout: float) -> None:
    items = getattr(context, kind)()
    with pytest.raises(queue.Empty):
        items.get(timeout=timeout)
    with pytest.raises(queue.Empty):
        items.get(True, timeout)
    items.put("there")
    wait_until(lambda: not items.empty())
    assert items.get(timeout=timeout) == "there", "an item that is there is got with any timeout"
    with pytest.raises(queue.Empty):
        items.get(timeout=timeout)


@KINDS
@TIMEOUTS
def test_put_raises_full_after_any_timeout(context: Any, kind: str, timeout: float) -> None:
    items = getattr(context, kind)(1)
    items.put("first", timeout=timeout)
    with pytest.raises(queue.Full):
        items.put("refused", timeout=timeout)
    with pytest.raises(queue.Full):
        items.put("refused", True, timeout)
    assert items.get(timeout=TIMEOUT) == "first"
    items.put("second", timeout=timeout)
    assert items.get(timeout=TIMEOUT) == "second", "the refused item is not there"


@KINDS
def test_nonblocking_calls_ignore_the_timeout(context: Any, kind: str) -> None:
    items = getattr(context, kind)(maxsize=1)
    for get in (lambda: items.get(False), lambda: items.get(block=False, timeout=60), items.get_nowait):
        with pytest.raises(queue.Empty):
            get()
    items.put_nowait("only")
    for put in (lambda: items.put(1, False), lambda: items.put(1, block=False, timeout=60)):
        with pytest.raises(queue.Full):
            put()
    with pytest.raises(queue.Full):
        items.put_nowait(1)
    wait_until(lambda: not items.empty())
    assert items.get_nowait() == "only"


@KINDS
@pytest.mark.parametrize("maxsize", [0, -1])
def test_queue_without_maxsize_is_never_full(context: Any, kind: str, maxsize: int) -> None:
    items = getattr(context, kind)(maxsize)
    for number in range(100):
        items.put_nowait(number)
    assert items.full() is False
    assert [items.get(timeout=TIMEOUT) for _ in range(100)] == list(range(100))


@KINDS
def test_qsize_empty_and_full(context: Any, kind: str) -> None:
    items = getattr(context, kind)(2)
    assert (items.qsize(), items.empty(), items.full()) == (0, True, False)
    items.put("a")
    items.put("b")
    wait_until(lambda: not items.empty())
    assert (items.qsize(), items.full()) == (2, True)
    items.get()
    assert (items.qsize(), items.full()) == (1, False)
    items.get()
    assert (items.qsize(), items.empty(), items.full()) == (0, True, False)


@KINDS
def test_calls_on_a_closed_queue_raise(context: Any, kind: str) -> None:
    items = getattr(context, kind)()
    items.put("before")
    assert items.close() is None
    assert items.close() is None
    for call in (items.get, items.get_nowait, lambda: items.put(1), lambda: items.put_nowait(1)):
        with pytest.raises(ValueError, match="closed"):
            call()
    assert items.join_thread() is None


@KINDS
def test_cancel_join_thread(context: Any, kind: str) -> None:
    items = getattr(context, kind)()
    assert items.cancel_join_thread() is None
    items.close()


def test_calls_on_a_closed_simple_queue_raise(context: Any) -> None:
    items = context.SimpleQueue()
    assert items.close() is None
    for call in (items.get, lambda: items.put(1)):
        with pytest.raises((OSError, ValueError), match="closed"):
            call()
    with pytest.raises(OSError, match="closed"):
        items.empty()


def test_a_socket_arrives_as_one_that_is_connected(context: Any) -> None:
    items = context.SimpleQueue()
    (near, far), (left, right) = socket.socketpair(), multiprocessing.Pipe()
    with near, far, left, right:
        items.put((near, left))
        copied_socket, copied_end = items.get()
        with copied_socket, copied_end:
            copied_socket.sendall(b"socket")
            copied_end.send("end of a pipe")
            assert (far.recv(6), right.recv()) == (b"socket", "end of a pipe")
    resource_sharer.stop(TIMEOUT)


@pytest.mark.parametrize("backend", PROCESSES, indirect=True)  # threads share one object
def test_closing_one_copy_does_not_close_others(backend: Backend) -> None:
    items = backend.context.Queue()
    actor = backend.actor(items)
    items.put("before")
    items.close()
    items.join_thread()
    assert actor.call("get") == "before"
    actor.call("put", "after")
    assert actor.call("get") == "after"


@ALL_KINDS
def test_item_put_by_one_actor_is_got_by_another(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)()
    actor = backend.actor(items)
    actor.call("put", "to the left")
    assert items.get() == "to the left"
    items.put("to the right")
    assert actor.call("get") == "to the right"


@ALL_KINDS
def test_get_blocks_until_an_item_is_put(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)()
    getter = backend.actor(items)
    getter.begin("get")
    assert getter.blocked(0.1)
    items.put("at last")
    assert getter.result() == "at last"
    assert items.empty()


@KINDS
def test_put_blocks_until_a_slot_is_free(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)(1)
    putter = backend.actor(items)
    items.put("first")
    putter.begin("put", "second")
    assert putter.blocked(0.1)
    assert items.get() == "first"
    assert putter.result() is None
    assert items.get() == "second"


@KINDS
def test_calls_that_timed_out_leave_nothing_behind(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)(1)
    actor = backend.actor(items)
    with pytest.raises(queue.Empty):
        actor.call("get", timeout=0.05)
    items.put("first")
    with pytest.raises(queue.Full):
        actor.call("put", "refused", timeout=0.05)
    assert actor.call("get", timeout=TIMEOUT) == "first"
    actor.call("put", "second", timeout=0.05)
    assert items.get(timeout=TIMEOUT) == "second"


@ALL_KINDS
def test_every_item_is_got_once_and_in_its_producers_order(backend: Backend, kind: str) -> None:
    items, log = (getattr(backend.context, kind)() for _ in range(2))
    workload = Workload(items, log)
    producers, consumers = [backend.actor(workload) for _ in range(2)], [backend.actor(workload) for _ in range(3)]
    for consumer in consumers:
        consumer.begin("consume")
    for index, producer in enumerate(producers):
        producer.begin("produce", index, 40)
    everything = [(index, number) for index in range(2) for number in range(40)]
    assert sorted(log.get() for _ in everything) == everything
    for _ in consumers:
        items.put(None)
    for share in [consumer.result() for consumer in consumers]:
        for index in range(2):
            numbers = [number for producer, number in share if producer == index]
            assert numbers == sorted(numbers)


@KINDS
def test_queue_holds_at_most_maxsize_items(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)(2)
    producer = backend.actor(Workload(items, None))
    producer.begin("produce", 0, 6)
    for number in range(6):
        wait_until(lambda: items.qsize() == min(2, 6 - number))  # noqa: B023 - called in this round only
        assert items.get() == (0, number)
    producer.result()


@KINDS
def test_order_of_getters(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)()
    getters = [backend.actor(items) for _ in range(3)]
    backend.begin(getters, items, "get")
    served = []
    for number in range(3):
        items.put(number)
        wait_until(lambda: any(not getter.blocked() for getter in getters if getter not in served))
        [next_served] = [getter for getter in getters if getter not in served and not getter.blocked()]
        assert next_served.result() == number
        served.append(next_served)
    if backend.differs("fairness"):
        assert served == getters


@ALL_KINDS
def test_order_of_puts_by_different_actors(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)()
    putters = [backend.actor(items) for _ in range(3)]
    for number, putter in enumerate(putters):
        putter.call("put", number)
    if backend.differs("when put() returns"):
        assert items.empty() is False
        assert [items.get() for _ in putters] == [0, 1, 2]
    else:
        assert sorted(items.get() for _ in putters) == [0, 1, 2]


@KINDS
def test_unpicklable_item(backend: Backend, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    items = getattr(backend.context, kind)(1)
    refused_at_once = backend.differs("when put() returns")
    if refused_at_once:
        with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
            items.put(lambda: None)
    else:
        items.put(lambda: None)
        wait_until(lambda: items.qsize() == 0)  # the feeder thread has dropped the item
    items.put("after", timeout=TIMEOUT)
    assert items.get() == "after"
    # Read once, when the feeder thread has gone on: what is written while the output is read is lost.
    assert ("pickle" in capfd.readouterr().err) == (not refused_at_once)


def test_simple_queue_refuses_unpicklable_item(context: Any) -> None:
    items = context.SimpleQueue()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        items.put(lambda: None)
    assert items.empty()


@ALL_KINDS
def test_pickling_a_queue(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)()
    if backend.differs("pickling a queue"):
        copy = pickle.loads(pickle.dumps(items))
        copy.put("through the copy")
        assert items.get() == "through the copy"
    else:
        with pytest.raises(RuntimeError, match="inheritance"):
            pickle.dumps(items)


@ALL_KINDS
@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_getter_killed_while_it_waits(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)()
    killed = backend.actor(items)
    backend.begin([killed], items, "get")
    killed.kill()
    items.put("for the living")
    other = backend.actor(items)
    other.begin("get")
    if backend.differs("killed getter"):
        assert other.result() == "for the living"
    else:
        assert other.blocked(0.3)


@KINDS
@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_putter_killed_while_it_waits_puts_nothing(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)(1)
    items.put("first")
    killed = backend.actor(items)
    backend.begin([killed], items, "put", "never")
    killed.kill()
    assert items.get(timeout=TIMEOUT) == "first"
    items.put("second", timeout=TIMEOUT)
    assert items.get(timeout=TIMEOUT) == "second"


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue"])
@pytest.mark.parametrize("backend", PROCESSES, indirect=True)
def test_item_got_by_a_killed_process_is_lost(backend: Backend, kind: str) -> None:
    items = getattr(backend.context, kind)()
    items.put("gone")
    consumer = backend.actor(items)
    assert consumer.call("get") == "gone"
    consumer.kill()
    assert items.empty()
    items.put("next")
    assert items.get() == "next"
