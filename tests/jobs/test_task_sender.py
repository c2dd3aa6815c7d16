"""The thread that puts a pool's tasks: in batches, and until workers have taken them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from broker import ServerUnavailableError
from jobs import task_sender
from jobs.task_sender import MAX_TASKS, TaskSender
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until


class StubWriter:
    """Records batches; `put` waits until it is told to go on."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.closed = False
        self.wakes = 0
        self.woken = iter(())  # what `put` and `wake` return, else False
        self.error: Exception | None = None
        self.go_on = threading.Semaphore(0)

    def put(self, tasks: Sequence[bytes], close: bool = False) -> bool:
        self.batches.append(list(tasks))
        assert self.go_on.acquire(timeout=TIMEOUT)
        self.closed = close
        if self.error is not None:
            raise self.error
        return next(self.woken, False)

    def wake(self) -> bool:
        self.wakes += 1
        return next(self.woken, False)


@pytest.fixture
def writer() -> StubWriter:
    return StubWriter()


@pytest.fixture
def failed() -> list[tuple[Exception, list[bytes]]]:
    return []


@pytest.fixture
def sender(writer: StubWriter, failed: list[tuple[Exception, list[bytes]]]) -> Iterator[TaskSender]:
    sender = TaskSender(writer, lambda error, tasks: failed.append((error, list(tasks))))
    yield sender
    sender.stop()
    writer.go_on.release(100)
    if sender._thread is not None:
        sender._thread.join(TIMEOUT)
        assert not sender._thread.is_alive()


def test_tasks_that_come_while_a_request_is_under_way_are_one_batch(sender: TaskSender, writer: StubWriter) -> None:
    sender.put(b"0")
    wait_until(lambda: len(writer.batches) == 1)
    for number in range(1, MAX_TASKS + 3):
        sender.put(b"%d" % number)
    sender.close()
    writer.go_on.release(3)
    wait_until(lambda: writer.closed)
    assert list(map(len, writer.batches)) == [1, MAX_TASKS, 2]
    assert [task for batch in writer.batches for task in batch] == [b"%d" % number for number in range(MAX_TASKS + 3)]


def test_large_tasks_wait_until_there_is_room(
    sender: TaskSender, writer: StubWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_sender, "MAX_SIZE", 10)
    monkeypatch.setattr(task_sender, "MAX_BUFFERED", 30)
    sender.put(b"0")
    wait_until(lambda: len(writer.batches) == 1)
    for _ in range(3):
        sender.put(bytes(11))
    waiting = threading.Thread(target=sender.put, args=(b"last",), daemon=True)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    writer.go_on.release(5)
    waiting.join(TIMEOUT)
    assert not waiting.is_alive()
    wait_until(lambda: len(writer.batches) == 5)
    assert writer.batches[1:] == [[bytes(11)]] * 3 + [[b"last"]], "each alone"


def test_workers_that_were_woken_are_looked_after(
    sender: TaskSender, writer: StubWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_sender, "WAKE_INTERVAL", 0.01)
    writer.woken = iter([True, True, False])
    writer.go_on.release()
    sender.put(b"0")
    wait_until(lambda: writer.wakes == 2)
    sender.wake_later()  # also while it waits for nothing
    wait_until(lambda: writer.wakes == 3)


def test_tasks_that_cannot_be_put_fail_and_later_ones_are_put(
    sender: TaskSender, writer: StubWriter, failed: list[tuple[Exception, list[bytes]]]
) -> None:
    writer.error = ServerUnavailableError("no answer")
    sender.put(b"0")
    writer.go_on.release()
    wait_until(lambda: failed == [(writer.error, [b"0"])])
    writer.error = None
    sender.put(b"1")
    writer.go_on.release()
    wait_until(lambda: writer.batches == [[b"0"], [b"1"]])
