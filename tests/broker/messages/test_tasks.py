"""Tasks with results: each is done by one worker, whatever is lost, interrupted or sent twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from broker import BrokerError, Context
from broker.messages.tasks import (
    ADD_RESULT,
    ADD_WORKER,
    EXCHANGE_TASK,
    PUT_TASKS,
    READ_RESULTS,
    REMOVE_WORKER,
    ResultReader,
    Tasks,
    TaskWriter,
    Worker,
)
from broker.server.private_server import PrivateServer
from broker.transport.connection import Connection
from tests.support.actors import TIMEOUT, Actors
from tests.support.fake_clock import ScriptClient
from tests.support.proxy import Fault, Proxy
from tests.support.waiting import wait_until

TRY, WAIT = b"0", b"1"


@pytest.fixture
def tasks(ctx: Context) -> Tasks:
    return Tasks(context=ctx)


@pytest.fixture
def behind(proxied: Context, tasks: Tasks) -> Tasks:
    """The same tasks, reached through the proxy."""
    return Tasks(tasks.name, context=proxied)


def worker_of(tasks: Tasks, name: bytes = b"w") -> Worker:
    tasks.add_worker(name)
    return Worker(tasks, name)


def count_waiting(tasks: Tasks, client: redis.Redis) -> int:
    return int(client.zcard(tasks._keys[3]))


def left(tasks: Tasks, client: redis.Redis) -> list[bytes]:
    return list(client.lrange(tasks._keys[1], 0, -1))


def test_tasks_are_taken_in_order_and_results_are_read_in_batches(tasks: Tasks) -> None:
    worker, writer, reader = worker_of(tasks), TaskWriter(tasks), ResultReader(tasks)
    writer.put([b"1", b"2", b"3"])
    assert worker.exchange(b"") == b"1"
    assert tasks.count_held() == 1
    assert worker.exchange(b"one") == b"2"
    assert worker.exchange(b"two") == b"3"
    assert reader.read() == [b"one", b"two"]
    worker.leave(b"three")
    assert tasks.count_held() == 0
    assert reader.read() == [b"three"]
    writer.put([], close=True)
    assert worker.exchange(b"") is None


@pytest.mark.parametrize("fault", Fault)
def test_put_is_repeated(proxy: Proxy, behind: Tasks, tasks: Tasks, fault: Fault, client: redis.Redis) -> None:
    proxy.inject(PUT_TASKS, fault)
    TaskWriter(behind).put([b"1", b"2"])
    assert proxy.all_injected
    assert left(tasks, client) == [b"1", b"2"]


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("leaves", [False, True])
def test_exchange_is_repeated(
    proxy: Proxy, behind: Tasks, tasks: Tasks, fault: Fault, client: redis.Redis, leaves: bool
) -> None:
    worker = worker_of(behind)
    TaskWriter(tasks).put([b"1", b"2", b"3"])
    assert worker.exchange(b"") == b"1"
    proxy.inject(EXCHANGE_TASK, fault)
    if leaves:
        worker.leave(b"one")
    else:
        assert worker.exchange(b"one") == b"2"
    assert proxy.all_injected
    assert left(tasks, client) == ([b"2", b"3"] if leaves else [b"3"])
    tasks.add_result(b"last")
    assert ResultReader(tasks).read() == [b"one", b"last"]


@pytest.mark.parametrize("fault", Fault)
def test_reading_is_repeated(proxy: Proxy, behind: Tasks, tasks: Tasks, fault: Fault) -> None:
    reader = ResultReader(behind)
    tasks.add_result(b"one")
    assert reader.read() == [b"one"]
    tasks.add_result(b"two")
    proxy.inject(READ_RESULTS, fault)
    assert reader.read() == [b"two"]
    assert proxy.all_injected
    tasks.add_result(b"three")
    assert reader.read() == [b"three"]


@pytest.mark.parametrize("fault", Fault)
def test_what_the_owner_does_is_repeated(proxy: Proxy, behind: Tasks, tasks: Tasks, fault: Fault) -> None:
    proxy.inject(ADD_WORKER, fault)
    worker = worker_of(behind)
    TaskWriter(tasks).put([b"1", b"2"])
    assert worker.exchange(b"") == b"1"
    for _ in range(2):
        proxy.inject(REMOVE_WORKER, fault)
    assert behind.remove_worker(b"w") == b"1"
    behind.return_task(b"w")
    assert worker_of(tasks, b"v").exchange(b"") == b"1"
    proxy.inject(ADD_RESULT, fault)
    behind.add_result(b"failed")
    assert set(ResultReader(tasks).read()) == {b"failed"}
    assert proxy.all_injected


def test_a_removed_worker_gets_no_task_and_its_result_is_dropped(tasks: Tasks, client: redis.Redis) -> None:
    worker = worker_of(tasks)
    TaskWriter(tasks).put([b"1", b"2"])
    assert worker.exchange(b"") == b"1"
    assert tasks.remove_worker(b"w") == b"1"
    assert worker.exchange(b"one") is None
    assert tasks.count_held() == 1, "until it is decided what becomes of it"
    tasks.drop_task(b"w")
    assert tasks.count_held() == 0
    assert left(tasks, client) == [b"2"]
    assert client.llen(tasks._keys[4]) == 0


def test_a_worker_that_was_not_added_gets_no_task(tasks: Tasks, client: redis.Redis) -> None:
    TaskWriter(tasks).put([b"1"])
    assert Worker(tasks, b"w").exchange(b"") is None
    assert left(tasks, client) == [b"1"]


def test_late_copies_take_nothing(tasks: Tasks, server: PrivateServer, client: redis.Redis) -> None:
    worker, copies = worker_of(tasks), ScriptClient(server.url)
    writer = TaskWriter(tasks)
    writer.put([b"1"])
    writer.put([b"2", b"3"])
    copies.run(tasks.put_script, b"1", b"0", b"1")
    assert left(tasks, client) == [b"1", b"2", b"3"]
    assert worker.exchange(b"") == b"1"
    assert worker.exchange(b"one") == b"2"
    with pytest.raises(redis.ResponseError, match="WITHDRAWN"):
        copies.run(tasks.exchange_script, b"w", b"1", TRY, copies.channel, b"0", b"")
    reader = ResultReader(tasks)
    assert reader.read() == [b"one"]
    tasks.add_result(b"two")
    assert reader.read() == [b"two"]
    with pytest.raises(redis.ResponseError, match="WITHDRAWN"):
        copies.run(tasks.read_script, b"1", b"0", b"")
    assert left(tasks, client) == [b"3"]
    copies.disconnect()


def test_waiting_ends_with_a_task_a_result_or_the_end(
    tasks: Tasks, client: redis.Redis, actors: Actors, proxied: Context, proxy: Proxy
) -> None:
    behind = Tasks(tasks.name, context=proxied)
    writer = TaskWriter(tasks)
    worker, reader = actors.thread(worker_of(behind)), actors.thread(ResultReader(behind))
    for number in range(2):
        worker.begin("exchange", b"" if number == 0 else b"done")
        wait_until(lambda: count_waiting(tasks, client) == 1)
        proxy.break_connections()  # a message may be lost: they ask again
        writer.put([b"task"])
        assert worker.result() == b"task"
    assert reader.call("read") == [b"done"]
    reader.begin("read")
    wait_until(lambda: client.hexists(tasks._keys[0], "reader"))
    worker.begin("exchange", b"done too")
    assert reader.result() == [b"done too"]
    wait_until(lambda: count_waiting(tasks, client) == 1)
    writer.put([], close=True)
    assert worker.result() is None


def test_workers_are_served_in_order_and_one_that_does_not_ask_is_passed_over(
    tasks: Tasks, client: redis.Redis, server: PrivateServer, actors: Actors
) -> None:
    paused, second = ScriptClient(server.url), actors.thread(worker_of(tasks))
    for name in (b"gone", b"paused"):
        tasks.add_worker(name)
    tasks._run(tasks.exchange_script, b"gone", b"1", WAIT, b"broker:gone", b"0", b"")
    paused.subscribe()
    paused.run(tasks.exchange_script, b"paused", b"1", WAIT, paused.channel, b"0", b"")
    second.begin("exchange", b"")
    wait_until(lambda: count_waiting(tasks, client) == 3)
    writer = TaskWriter(tasks)
    assert writer.put([b"1"]), "the paused one was woken"
    assert paused.messages() == [b"task"]
    assert second.blocked()
    assert writer.wake()
    assert second.result() == b"1"
    assert not writer.wake()
    assert paused.run(tasks.exchange_script, b"paused", b"1", WAIT, paused.channel, b"0", b"") == 1
    paused.disconnect()


def interrupt(monkeypatch: pytest.MonkeyPatch, name: str, count: int) -> None:
    """Let the `count`th call of a connection's method raise an exception after it was carried out."""
    original: Callable[..., Any] = getattr(Connection, name)
    calls = iter(range(1, count + 1))

    def interrupted(*arguments: Any) -> Any:
        result = None if name == "receive" else original(*arguments)
        if next(calls, None) == count:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Connection, name, interrupted)


@pytest.mark.parametrize("has_task", [False, True])
def test_an_interrupted_exchange_takes_nothing(
    tasks: Tasks, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, has_task: bool
) -> None:
    worker, writer = worker_of(tasks), TaskWriter(tasks)
    writer.put([b"1", b"2"] if has_task else [b"1"])
    assert worker.exchange(b"") == b"1"
    with monkeypatch.context() as patches:
        interrupt(patches, "execute" if has_task else "receive", 1)
        with pytest.raises(KeyboardInterrupt):
            worker.exchange(b"one")
    assert tasks.count_held() == count_waiting(tasks, client) == 0
    assert ResultReader(tasks).read() == [b"one"]
    writer.put([b"3"])
    assert worker.exchange(b"") == (b"2" if has_task else b"3")


def test_an_interrupted_reading_loses_nothing(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ResultReader(tasks)
    tasks.add_result(b"one")
    assert reader.read() == [b"one"]
    tasks.add_result(b"two")
    with monkeypatch.context() as patches:
        interrupt(patches, "execute", 1)
        with pytest.raises(KeyboardInterrupt):
            reader.read()
    tasks.add_result(b"three")
    assert reader.read() == [b"two", b"three"]


def test_large_results_are_read_one_by_one(tasks: Tasks) -> None:
    reader, results = ResultReader(tasks), [bytes(700_000), bytes(700_001), b"small", b"last"]
    for result in results:
        tasks.add_result(result)
    assert reader.read() == results[:1]
    assert reader.read() == results[1:]


def test_results_can_be_delivered_and_read_while_the_memory_is_full(
    tasks: Tasks, full: Callable[[], object], client: redis.Redis
) -> None:
    worker, writer = worker_of(tasks), TaskWriter(tasks)
    writer.put([b"1", b"2"])
    assert worker.exchange(b"") == b"1"
    full()
    with pytest.raises(BrokerError, match="memory"):
        writer.put([b"3"])
    assert worker.exchange(b"one") == b"2"
    assert ResultReader(tasks).read() == [b"one"]
    assert left(tasks, client) == []


def test_lost_data_end_the_workers_and_new_results_are_read(tasks: Tasks, client: redis.Redis, actors: Actors) -> None:
    worker, writer, reader = worker_of(tasks), TaskWriter(tasks), actors.thread(ResultReader(tasks))
    writer.put([b"1"])
    assert worker.exchange(b"") == b"1"
    for result in (b"one", b"two"):
        tasks.add_result(result)
    assert len(reader.call("read")) == 2
    client.flushall()
    assert worker.exchange(b"lost") is None
    new = worker_of(tasks, b"new")
    writer.put([b"2"])
    assert new.exchange(b"") == b"2"
    new.leave(b"after")
    assert reader.call("read") == [b"after"]


def test_the_last_requests_are_lost_in_a_failover(tasks: Tasks, client: redis.Redis) -> None:
    """The server is as it was before the worker's last exchange: what it took then is still there."""
    worker, reader = worker_of(tasks), ResultReader(tasks)
    TaskWriter(tasks).put([b"1", b"2", b"3"])
    assert worker.exchange(b"") == b"1"
    keys = [key for key in tasks._keys if client.exists(key)]
    before = [client.dump(key) for key in keys]
    assert worker.exchange(b"one") == b"2"
    client.delete(*tasks._keys)
    for key, value in zip(keys, before, strict=True):
        client.restore(key, 0, value)
    taken = [worker.exchange(b"two")]
    taken += [worker.exchange(b"again"), worker.exchange(b"again")]
    assert taken == [b"1", b"2", b"3"]
    worker.leave(b"three")
    assert reader.read() == [b"two", b"again", b"again", b"three"]


def test_keys_expire(tasks: Tasks, client: redis.Redis) -> None:
    worker, writer = worker_of(tasks), TaskWriter(tasks)
    writer.put([b"1", b"2"])
    worker.exchange(b"")
    worker.exchange(b"one")
    waiting = threading.Thread(target=Worker(tasks, b"v").exchange, args=(b"",), daemon=True)
    tasks.add_worker(b"v")
    waiting.start()
    wait_until(lambda: count_waiting(tasks, client) == 1)
    ResultReader(tasks).read()
    reading = threading.Thread(target=ResultReader(tasks).read, daemon=True)
    reading.start()
    assert [key for key in tasks._keys if client.pttl(key) == -1] == []
    writer.put([], close=True)
    waiting.join(TIMEOUT)
    tasks.add_result(b"end")
    reading.join(TIMEOUT)
    assert not waiting.is_alive()
    assert not reading.is_alive()
