"""Handles of queues and pipes: names, options, pickling, keys on the server and their expiry."""

from __future__ import annotations

import pickle
import queue
from collections.abc import Callable
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from broker import Context, InvalidArgumentError, MismatchError
from broker.engine.handle import INDEX
from broker.messages.queues import JoinableQueue, Queue, SimpleQueue
from tests.support.actors import Actor, Actors
from tests.support.errors import message_of
from tests.support.server_state import run_command

KINDS = pytest.mark.parametrize("kind", ["SimpleQueue", "Queue", "JoinableQueue"])
SIZED = pytest.mark.parametrize("kind", ["Queue", "JoinableQueue"])
MAX_BYTES = 500
Process = Callable[[object], Actor]


def used_queues(ctx: Context, **options: Any) -> list[Any]:
    """Return a queue of each kind that has been used: with items, taken items, and a put that found it full."""
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


def test_handle_pickles_to_few_bytes_without_items(ctx: Context) -> None:
    for items in used_queues(ctx):
        pickled = pickle.dumps(items)
        assert len(pickled) < MAX_BYTES
        copy = pickle.loads(pickled)
        assert type(copy) is type(items)
        assert copy.name == items.name


@SIZED
def test_pickled_copy_keeps_maxsize(ctx: Context, kind: str) -> None:
    copy = pickle.loads(pickle.dumps(getattr(ctx, kind)(1)))
    copy.put("x")
    assert copy.full()


def test_pickled_copy_keeps_lease(ctx: Context, process: Process) -> None:
    tasks = pickle.loads(pickle.dumps(ctx.JoinableQueue(lease=0.5)))
    tasks.put("task")
    consumer = process(tasks)
    assert consumer.call("get") == "task"
    consumer.kill()
    assert tasks.get(timeout=3) == "task"


def test_handle_can_be_sent_through_a_queue_and_a_pipe(ctx: Context, process: Process) -> None:
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
def test_same_name_in_two_contexts_is_the_same_queue(ctx: Context, kind: str) -> None:
    with Context(ctx.url) as other:
        ours, theirs = getattr(ctx, kind)(name="shared"), getattr(other, kind)(name="shared")
        ours.put("x")
        assert theirs.get() == "x"
        assert getattr(other, kind)().empty()
        ours.delete()


def test_same_name_may_be_used_for_each_kind(ctx: Context) -> None:
    handles = used_queues(ctx, name="everything")
    assert len({key for handle in handles for key in handle._keys}) == sum(len(handle._keys) for handle in handles)
    for handle in handles:
        handle.delete()


@pytest.mark.parametrize("name", ["x", "a:b", "{tag}", "a}b", "}", "\n", "日本"])
def test_keys_of_any_name_share_one_hash_slot(ctx: Context, name: str) -> None:
    for kind in (SimpleQueue, Queue, JoinableQueue):
        items = kind.at(ctx.url, name)
        assert len({key_slot(key) for key in items._keys}) == 1
        items.put("x")
        assert items.get() == "x"
        items.delete()


@KINDS
@pytest.mark.parametrize("name", ["", 1, b"bytes", 0, True, "\udc80"])
def test_invalid_name_is_refused(ctx: Context, kind: str, name: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(name=name)
    assert "name" in message_of(error)


@SIZED
@pytest.mark.parametrize("maxsize", [1.0, True, "3", None, b"3"])
def test_invalid_maxsize_is_refused(ctx: Context, kind: str, maxsize: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(maxsize)
    assert "size" in message_of(error)


@pytest.mark.parametrize("lease", [0, -1, float("nan"), float("inf"), True, "10", None])
def test_invalid_lease_is_refused(ctx: Context, lease: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        ctx.JoinableQueue(lease=lease)
    assert "lease" in message_of(error)


@SIZED
@pytest.mark.parametrize("sizes", [(2, 3), (2, 0), (0, 2)])
def test_name_in_use_with_another_maxsize_is_refused(ctx: Context, kind: str, sizes: tuple[int, int]) -> None:
    first = getattr(ctx, kind)(sizes[0], name="taken")
    first.put("x")
    with pytest.raises(MismatchError) as error:
        getattr(ctx, kind)(sizes[1], name="taken")
    assert str(sizes[0]) in message_of(error)
    assert getattr(ctx, kind)(sizes[0], name="taken").get() == "x", "the first queue is unchanged"
    first.delete()


def test_idle_keys_expire(ctx: Context, client: redis.Redis, actors: Actors) -> None:
    client.flushall()
    _queues, (left, _right) = used_queues(ctx), ctx.Pipe()
    left.send("x")
    keys = list(client.scan_iter("*"))
    assert len(keys) >= 12
    assert [key for key in keys if client.pttl(key) < 0] == []


@KINDS
def test_queue_in_use_does_not_expire_although_never_empty(ctx: Context, client: redis.Redis, kind: str) -> None:
    items = getattr(ctx, kind)()
    items.put("first")
    week = client.pttl(items._key)
    for key in items._keys:
        client.pexpire(key, 60_000)  # as if nearly a week had passed
    client.hset(items._key, "touched", 0)
    items.put("second")
    assert client.pttl(items._key) > week / 2
    assert client.pttl(items._keys[3]) > week / 2, "neither do the items"


def test_closing_a_context_deletes_unnamed_queues(ctx: Context, client: redis.Redis) -> None:
    client.flushall()
    with Context(ctx.url) as other:
        used_queues(other)
        left, _right = other.Pipe()
        left.send("never received")
        kept = other.Queue(name="kept")
        kept.put("x")
    assert {*client.scan_iter("*")} <= {*kept._keys, INDEX}
    assert client.zrange(INDEX, 0, -1) == [kept._key]


def test_records_of_past_requests_do_not_grow(ctx: Context, client: redis.Redis) -> None:
    for items in (ctx.Queue(), ctx.Queue(1), ctx.JoinableQueue()):
        for number in range(1000):
            items.put(number)
            assert items.get() == number
            if isinstance(items, JoinableQueue):
                items.task_done()
        kept = sum(client.memory_usage(key) or 0 for key in items._keys)
        assert kept < 5000, "a few fields, not one per item"


def test_changing_an_item_after_put_has_no_effect(ctx: Context) -> None:
    items, item = ctx.Queue(), ["as it was"]
    items.put(item)
    item.append("changed")
    assert items.get() == ["as it was"]


def test_forked_child_does_not_inherit_taken_items(ctx: Context, process: Process) -> None:
    tasks = ctx.JoinableQueue()
    tasks.put("task")
    assert tasks.get() == "task"
    child = process(tasks)
    with pytest.raises(ValueError, match="too many"):
        child.call("task_done")
    child.kill()
    tasks.task_done()
    tasks.join()


def test_task_done_finishes_the_threads_own_oldest_item_first(ctx: Context, actors: Actors) -> None:
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
