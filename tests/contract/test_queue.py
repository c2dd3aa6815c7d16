"""What queues promise, wherever they come from."""

from __future__ import annotations

import pickle
import queue
from typing import Any

import pytest

from tests.contract.backends import PROCESSES, World
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

KINDS = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
ALL_KINDS = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue", "SimpleQueue"])
TIMEOUTS = pytest.mark.parametrize("timeout", [0, 0.0, -1, 1e-9, 0.05])
ITEMS = [0, "", None, False, b"", [], {"a": [1, (2, 3)]}, 2**70, "余票", b"\r\n$5\r\n" * 3, ValueError("sold out")]


class Counter:
    """A queue of numbered items; whoever takes one notes it in another queue. None tells a taker to stop."""

    def __init__(self, items: Any, taken: Any) -> None:
        self.items = items
        self.taken = taken

    def serve(self, who: int, count: int) -> None:
        for number in range(count):
            self.items.put((who, number))

    def collect(self) -> list[tuple[int, int]]:
        collected = []
        for item in iter(self.items.get, None):
            collected.append(item)
            self.taken.put(item)
        return collected


@ALL_KINDS
def test_items_come_out_as_they_went_in_and_in_order(alone: Any, kind: str) -> None:
    items = getattr(alone, kind)()
    for item in ITEMS:
        assert items.put(item) is None
    taken = [items.get() for _ in ITEMS]
    assert repr(taken) == repr(ITEMS)
    assert items.empty() is True


@ALL_KINDS
def test_an_item_may_be_large(alone: Any, kind: str, actors: Any) -> None:
    items = getattr(alone, kind)()
    large = bytes(range(256)) * 20_000
    taker = actors.thread(items)
    taker.begin("get")
    items.put(large)
    assert taker.result() == large


@KINDS
@TIMEOUTS
def test_an_empty_queue_raises_empty_after_a_time_out_of_any_length(alone: Any, kind: str, timeout: float) -> None:
    items = getattr(alone, kind)()
    with pytest.raises(queue.Empty):
        items.get(timeout=timeout)
    with pytest.raises(queue.Empty):
        items.get(True, timeout)
    items.put("there")
    wait_until(lambda: not items.empty())
    assert items.get(timeout=timeout) == "there", "an item that is there is had with any time-out"
    with pytest.raises(queue.Empty):
        items.get(timeout=timeout)


@KINDS
@TIMEOUTS
def test_a_full_queue_raises_full_after_a_time_out_of_any_length(alone: Any, kind: str, timeout: float) -> None:
    items = getattr(alone, kind)(1)
    items.put("first", timeout=timeout)
    with pytest.raises(queue.Full):
        items.put("refused", timeout=timeout)
    with pytest.raises(queue.Full):
        items.put("refused", True, timeout)
    assert items.get(timeout=TIMEOUT) == "first"
    items.put("second", timeout=timeout)
    assert items.get(timeout=TIMEOUT) == "second", "what was refused is not there"


@KINDS
def test_not_blocking_ignores_the_time_out(alone: Any, kind: str) -> None:
    items = getattr(alone, kind)(maxsize=1)
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
def test_without_a_size_there_is_always_room(alone: Any, kind: str, maxsize: int) -> None:
    items = getattr(alone, kind)(maxsize)
    for number in range(100):
        items.put_nowait(number)
    assert items.full() is False
    assert [items.get(timeout=TIMEOUT) for _ in range(100)] == list(range(100))


@KINDS
def test_qsize_empty_and_full_tell_what_is_inside(alone: Any, kind: str) -> None:
    items = getattr(alone, kind)(2)
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
def test_a_closed_queue_refuses(alone: Any, kind: str) -> None:
    items = getattr(alone, kind)()
    items.put("before")
    assert items.close() is None
    assert items.close() is None
    for call in (items.get, items.get_nowait, lambda: items.put(1), lambda: items.put_nowait(1)):
        with pytest.raises(ValueError, match="closed"):
            call()
    assert items.join_thread() is None


@KINDS
def test_a_queue_need_not_wait_for_its_thread(alone: Any, kind: str) -> None:
    items = getattr(alone, kind)()
    assert items.cancel_join_thread() is None
    items.close()


def test_a_closed_simple_queue_refuses(alone: Any) -> None:
    items = alone.SimpleQueue()
    assert items.close() is None
    for call in (items.get, lambda: items.put(1)):
        with pytest.raises((OSError, ValueError), match="closed"):
            call()


def test_what_one_closed_others_go_on_using(world: World) -> None:
    items = world.context.Queue()
    actor = world.actor(items)
    if world.actor_kind == "threads":
        return  # they share the very object
    items.put("before")
    items.close()
    items.join_thread()
    assert actor.call("get") == "before"
    actor.call("put", "after")
    assert actor.call("get") == "after"


@ALL_KINDS
def test_what_one_puts_another_gets(world: World, kind: str) -> None:
    items = getattr(world.context, kind)()
    actor = world.actor(items)
    actor.call("put", "to the left")
    assert items.get() == "to the left"
    items.put("to the right")
    assert actor.call("get") == "to the right"


@ALL_KINDS
def test_a_getter_waits_until_something_is_put(world: World, kind: str) -> None:
    items = getattr(world.context, kind)()
    getter = world.actor(items)
    getter.begin("get")
    assert getter.blocked(0.1)
    items.put("at last")
    assert getter.result() == "at last"
    assert items.empty()


@KINDS
def test_a_putter_waits_until_there_is_room(world: World, kind: str) -> None:
    items = getattr(world.context, kind)(1)
    putter = world.actor(items)
    items.put("first")
    putter.begin("put", "second")
    assert putter.blocked(0.1)
    assert items.get() == "first"
    assert putter.result() is None
    assert items.get() == "second"


@KINDS
def test_who_gave_up_left_nothing_behind_and_may_try_again(world: World, kind: str) -> None:
    items = getattr(world.context, kind)(1)
    actor = world.actor(items)
    with pytest.raises(queue.Empty):
        actor.call("get", timeout=0.05)
    items.put("first")
    with pytest.raises(queue.Full):
        actor.call("put", "refused", timeout=0.05)
    assert actor.call("get", timeout=TIMEOUT) == "first"
    actor.call("put", "second", timeout=0.05)
    assert items.get(timeout=TIMEOUT) == "second"


@ALL_KINDS
def test_every_item_reaches_exactly_one_in_its_putters_order(world: World, kind: str) -> None:
    items, taken = (getattr(world.context, kind)() for _ in range(2))
    counter = Counter(items, taken)
    makers, takers = [world.actor(counter) for _ in range(2)], [world.actor(counter) for _ in range(3)]
    for taker in takers:
        taker.begin("collect")
    for who, maker in enumerate(makers):
        maker.begin("serve", who, 40)
    everything = [(who, number) for who in range(2) for number in range(40)]
    assert sorted(taken.get() for _ in everything) == everything
    for _ in takers:
        items.put(None)
    for share in [taker.result() for taker in takers]:
        for who in range(2):
            numbers = [number for maker, number in share if maker == who]
            assert numbers == sorted(numbers)


@KINDS
def test_as_many_as_fit_are_inside(world: World, kind: str) -> None:
    items = getattr(world.context, kind)(2)
    maker = world.actor(Counter(items, None))
    maker.begin("serve", 0, 6)
    for number in range(6):
        wait_until(lambda: items.qsize() == min(2, 6 - number))  # noqa: B023 - called in this round only
        assert items.get() == (0, number)
    maker.result()


@KINDS
def test_getters_are_served(world: World, kind: str) -> None:
    items = getattr(world.context, kind)()
    getters = [world.actor(items) for _ in range(3)]
    world.begin(getters, items, "get")
    served = []
    for number in range(3):
        items.put(number)
        wait_until(lambda: any(not getter.blocked() for getter in getters if getter not in served))
        [lucky] = [getter for getter in getters if getter not in served and not getter.blocked()]
        assert lucky.result() == number
        served.append(lucky)
    if world.differs("fairness"):
        assert served == getters


@ALL_KINDS
def test_the_order_of_puts_by_different_actors(world: World, kind: str) -> None:
    items = getattr(world.context, kind)()
    putters = [world.actor(items) for _ in range(3)]
    for number, putter in enumerate(putters):
        putter.call("put", number)
    if world.differs("when put() returns"):
        assert items.empty() is False
        assert [items.get() for _ in putters] == [0, 1, 2]
    else:
        assert sorted(items.get() for _ in putters) == [0, 1, 2]


@KINDS
def test_an_item_that_cannot_be_pickled(world: World, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    items = getattr(world.context, kind)(1)
    if world.differs("when put() returns"):
        with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
            items.put(lambda: None)
    else:
        items.put(lambda: None)
        said: list[str] = []
        wait_until(lambda: said.append(capfd.readouterr().err) or "pickle" in "".join(said))
        wait_until(lambda: items.qsize() == 0)  # its thread has given the item up
    items.put("after", timeout=TIMEOUT)
    assert items.get() == "after"


def test_a_simple_queue_refuses_what_cannot_be_pickled(alone: Any) -> None:
    items = alone.SimpleQueue()
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        items.put(lambda: None)
    assert items.empty()


@ALL_KINDS
def test_sending_a_queue(world: World, kind: str) -> None:
    items = getattr(world.context, kind)()
    if world.differs("sending a queue"):
        copy = pickle.loads(pickle.dumps(items))
        copy.put("through the copy")
        assert items.get() == "through the copy"
    else:
        with pytest.raises(RuntimeError, match="inheritance"):
            pickle.dumps(items)


@ALL_KINDS
@pytest.mark.parametrize("world", PROCESSES, indirect=True)
def test_what_is_killed_while_it_waits_for_an_item(world: World, kind: str) -> None:
    items = getattr(world.context, kind)()
    doomed = world.actor(items)
    world.begin([doomed], items, "get")
    doomed.kill()
    items.put("for the living")
    other = world.actor(items)
    other.begin("get")
    if world.differs("a getter killed while it waits"):
        assert other.result() == "for the living"
    else:
        assert other.blocked(0.3)


@KINDS
@pytest.mark.parametrize("world", PROCESSES, indirect=True)
def test_who_is_killed_while_it_waits_for_room_puts_nothing(world: World, kind: str) -> None:
    items = getattr(world.context, kind)(1)
    items.put("first")
    doomed = world.actor(items)
    world.begin([doomed], items, "put", "never")
    doomed.kill()
    assert items.get(timeout=TIMEOUT) == "first"
    items.put("second", timeout=TIMEOUT)
    assert items.get(timeout=TIMEOUT) == "second"


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue"])
@pytest.mark.parametrize("world", PROCESSES, indirect=True)
def test_an_item_is_lost_with_the_one_who_took_it(world: World, kind: str) -> None:
    items = getattr(world.context, kind)()
    items.put("gone")
    taker = world.actor(items)
    assert taker.call("get") == "gone"
    taker.kill()
    assert items.empty()
    items.put("next")
    assert items.get() == "next"
