"""Queues and pipes as handles: small to send, the same everywhere, and nothing of them stays for ever."""

from __future__ import annotations

import pickle
import queue
from collections.abc import Callable
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from broker import BrokerError, Context, InvalidArgumentError, MismatchError
from broker.messages.queues import JoinableQueue, Queue, SimpleQueue
from tests.support.actors import Actor, Actors
from tests.support.server_state import run_command

KINDS = pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])
SIZED = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
MOST_BYTES = 500
Process = Callable[[object], Actor]


def sentence(error: pytest.ExceptionInfo[BrokerError]) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


def used(ctx: Context, **options: Any) -> list[Any]:
    """One of each, with something inside, taken and given back, and a limit that was reached."""
    simple, bounded, tasks = ctx.SimpleQueue(**options), ctx.Queue(2, **options), ctx.JoinableQueue(2, **options)
    for items in (simple, bounded, tasks):
        for number in range(2):
            items.put(number)
        items.get()
    tasks.task_done()
    bounded.put(2)
    with pytest.raises(queue.Full):
        bounded.put_nowait(3)
    tasks.get()
    return [simple, bounded, tasks]


def test_a_handle_pickles_small_and_without_its_items(ctx: Context) -> None:
    for items in used(ctx):
        pickled = pickle.dumps(items)
        assert len(pickled) < MOST_BYTES
        copy = pickle.loads(pickled)
        assert type(copy) is type(items)
        assert copy.name == items.name


@SIZED
def test_a_copy_keeps_its_size(ctx: Context, kind: str) -> None:
    copy = pickle.loads(pickle.dumps(getattr(ctx, kind)(1)))
    copy.put("x")
    assert copy.full()


def test_a_copy_keeps_its_lease(ctx: Context, process: Process) -> None:
    tasks = pickle.loads(pickle.dumps(ctx.JoinableQueue(lease=0.5)))
    tasks.put("task")
    taker = process(tasks)
    assert taker.call("get") == "task"
    taker.kill()
    assert tasks.get(timeout=3) == "task"


def test_a_handle_goes_through_a_queue_and_a_pipe(ctx: Context, process: Process) -> None:
    mail, answers = ctx.Queue(), ctx.SimpleQueue()
    left, right = ctx.Pipe()
    other = process(mail)
    mail.put(answers)
    other.call("get").put("by way of a queue")
    assert answers.get() == "by way of a queue"
    left.send(answers)
    right.recv().put("by way of a pipe")
    assert answers.get() == "by way of a pipe"


@KINDS
def test_a_name_means_the_same_in_two_contexts(ctx: Context, kind: str) -> None:
    with Context(ctx.url) as other:
        here, there = getattr(ctx, kind)(name="shared"), getattr(other, kind)(name="shared")
        here.put("x")
        assert there.get() == "x"
        assert getattr(other, kind)().empty()
        here.delete()


def test_one_name_may_be_a_queue_of_each_kind(ctx: Context) -> None:
    handles = used(ctx, name="everything")
    assert len({key for handle in handles for key in handle._keys}) == sum(len(handle._keys) for handle in handles)
    for handle in handles:
        handle.delete()


@pytest.mark.parametrize("name", ["x", "a:b", "{tag}", "a}b", "}", "\n", "日本"])
def test_any_name_works_and_keeps_its_keys_in_one_slot(ctx: Context, name: str) -> None:
    for kind in (SimpleQueue, Queue, JoinableQueue):
        items = kind.at(ctx.url, name)
        assert len({key_slot(key) for key in items._keys}) == 1
        items.put("x")
        assert items.get() == "x"
        items.delete()


@KINDS
@pytest.mark.parametrize("name", ["", 1, b"bytes", 0, True, "\udc80"])
def test_a_name_that_is_none(ctx: Context, kind: str, name: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(name=name)
    assert "name" in sentence(error)


@SIZED
@pytest.mark.parametrize("maxsize", [1.0, True, "3", None, b"3"])
def test_a_size_that_is_none(ctx: Context, kind: str, maxsize: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(maxsize)
    assert "size" in sentence(error)


@pytest.mark.parametrize("lease", [0, -1, float("nan"), float("inf"), True, "10", None])
def test_a_lease_that_is_none(ctx: Context, lease: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        ctx.JoinableQueue(lease=lease)
    assert "lease" in sentence(error)


@SIZED
@pytest.mark.parametrize("sizes", [(2, 3), (2, 0), (0, 2)])
def test_a_name_in_use_with_another_size(ctx: Context, kind: str, sizes: tuple[int, int]) -> None:
    first = getattr(ctx, kind)(sizes[0], name="taken")
    first.put("x")
    with pytest.raises(MismatchError) as error:
        getattr(ctx, kind)(sizes[1], name="taken")
    assert str(sizes[0]) in sentence(error)
    assert getattr(ctx, kind)(sizes[0], name="taken").get() == "x", "and it is as it was"
    first.delete()


def test_every_key_expires_when_it_is_idle(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    client.flushall()
    used(ctx)
    left, _right = ctx.Pipe()
    left.send("x")
    keys = list(client.scan_iter("*"))
    assert len(keys) >= 12
    assert [key for key in keys if client.pttl(key) < 0] == []


@KINDS
def test_a_queue_that_is_never_empty_does_not_expire_while_it_is_used(
    ctx: Context, client: redis.Redis, kind: str
) -> None:
    items = getattr(ctx, kind)()
    items.put("first")
    week = client.pttl(items._key)
    for key in items._keys:
        client.pexpire(key, 60_000)  # as if nearly a week had passed
    client.hset(items._key, "touched", 0)
    items.put("second")
    assert client.pttl(items._key) > week / 2
    assert client.pttl(items._keys[3]) > week / 2, "nor do the items"


def test_closing_a_context_deletes_what_had_no_name(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    with Context(ctx.url) as other:
        used(other)
        left, _right = other.Pipe()
        left.send("never received")
        other.Queue(name="kept").put("x")
    kept = {key.split(b"{")[1].split(b"}")[0] for key in client.scan_iter("*")}
    assert kept == {b"queue:kept"}


def test_what_is_noted_of_past_requests_does_not_grow(ctx: Context, client: redis.Redis) -> None:
    for items in (ctx.Queue(), ctx.Queue(1), ctx.JoinableQueue()):
        for number in range(1000):
            items.put(number)
            assert items.get() == number
            if isinstance(items, JoinableQueue):
                items.task_done()
        kept = sum(client.memory_usage(key) or 0 for key in items._keys)
        assert kept < 5000, "a few fields, not one for each item"


def test_an_item_may_be_changed_after_it_was_put(ctx: Context) -> None:
    items, item = ctx.Queue(), ["as it was"]
    items.put(item)
    item.append("changed")
    assert items.get() == ["as it was"]


def test_the_child_of_a_taker_has_taken_nothing(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue()
    tasks.put("task")
    assert tasks.get() == "task"
    child = process(tasks)
    with pytest.raises(ValueError, match="too many"):
        child.call("task_done")
    child.kill()
    tasks.task_done()
    tasks.join()


def test_threads_finish_their_own_tasks_first_and_the_oldest_of_them(ctx: Context, actors: Actors) -> None:
    tasks = ctx.JoinableQueue(lease=30)
    for number in range(3):
        tasks.put(number)
    other = actors.thread(tasks)
    assert tasks.get() == 0
    assert other.call("get") == 1
    assert tasks.get() == 2
    other.call("task_done")
    left = run_command(tasks, b"HVALS", tasks._keys[4])
    assert sorted(map(pickle.loads, left)) == [0, 2]
    tasks.task_done()
    [left] = run_command(tasks, b"HVALS", tasks._keys[4])
    assert pickle.loads(left) == 2
