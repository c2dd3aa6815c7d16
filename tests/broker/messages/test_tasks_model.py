"""The scripts of tasks in any order, with repeated requests, late copies, workers that die, and owners that take back.

Each task is in one place: not taken, held by one worker, done with one result, or dropped by its owner.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import settings
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from broker.messages.tasks import EXCHANGE_TASK, PUT_TASKS, READ_RESULTS, REMOVE_WORKER
from broker.server.private_server import PrivateServer
from tests.support.script_machine import ScriptMachine

KEYS = [b"{test}%d" % number for number in range(1, 6)]
ITEMS, HELD, RESULTS = KEYS[1], KEYS[2], KEYS[4]
PUT, EXCHANGE, READ = PUT_TASKS.bind(KEYS), EXCHANGE_TASK.bind(KEYS), READ_RESULTS.bind(KEYS)
REMOVE = REMOVE_WORKER.bind(KEYS)
TRY, WAIT, LEAVE = b"0", b"1", b"2"
indexes = st.integers(0, 2**16)


@dataclass
class Process:
    """A worker, as far as it knows."""

    name: bytes
    number: int = 0
    taken: int = 0
    task: bytes | None = None
    requests: list[tuple[bytes, ...]] = field(default_factory=list)


class TasksMachine(ScriptMachine):
    """One owner and some workers."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = self.open_client()
        self.batches: list[tuple[bytes, ...]] = []
        self.put_tasks = 0
        self.alive: list[Process] = []
        self.dead: list[Process] = []
        self.started = 0
        self.reading, self.received = 1, 0
        self.done: Counter[bytes] = Counter()
        self.dropped: Counter[bytes] = Counter()

    @rule(count=st.integers(0, 3), copies=st.integers(1, 2))
    def put(self, count: int, copies: int) -> None:
        tasks = [b"%d" % (self.put_tasks + number) for number in range(count)]
        self.put_tasks += count
        self.batches.append((b"%d" % (len(self.batches) + 1), b"0", *tasks))
        for _ in range(copies):
            self.owner.run(PUT, *self.batches[-1])

    @precondition(lambda self: self.batches)
    @rule(index=indexes)
    def late_copy_of_a_batch(self, index: int) -> None:
        self.owner.run(PUT, *self.batches[index % len(self.batches)])

    @precondition(lambda self: len(self.alive) < 3)
    @rule()
    def start_worker(self) -> None:
        self.started += 1
        self.alive.append(Process(b"worker%d" % self.started))
        self.redis.hset(KEYS[0], self.alive[-1].name, 0)

    def send(self, process: Process, mode: bytes) -> tuple[bytes, ...]:
        process.number += 1
        result = b"" if process.task is None else b"result of " + process.task
        request = (process.name, b"%d" % process.number, mode, self.owner.channel, b"%d" % process.taken, result)
        process.requests.append(request)
        return request

    @precondition(lambda self: self.alive)
    @rule(index=indexes, mode=st.sampled_from([TRY, WAIT, LEAVE]), copies=st.integers(1, 2))
    def exchange(self, index: int, mode: bytes, copies: int) -> None:
        process = self.alive[index % len(self.alive)]
        request = self.send(process, mode)
        replies = [self.owner.run(EXCHANGE, *request) for _ in range(copies)]
        if type(replies[0]) is bytes:
            assert replies == [replies[0]] * copies, "the same task"
        process.task = replies[-1] if type(replies[-1]) is bytes else None
        process.taken = process.number if process.task is not None else 0
        assert process.task is None or mode != LEAVE

    @precondition(lambda self: self.alive)
    @rule(index=indexes)
    def interrupted_exchange(self, index: int) -> None:
        """The worker does not use the reply, but gives back what it may have got."""
        process = self.alive[index % len(self.alive)]
        self.owner.run(EXCHANGE, *self.send(process, WAIT))
        self.owner.run(EXCHANGE, *self.send(process, LEAVE))
        process.task, process.taken = None, 0

    @precondition(lambda self: self.alive)
    @rule(index=indexes, sends=st.booleans())
    def kill_worker(self, index: int, sends: bool) -> None:
        process = self.alive.pop(index % len(self.alive))
        if sends:
            self.owner.run(EXCHANGE, *self.send(process, WAIT))
        self.dead.append(process)

    @precondition(lambda self: self.dead)
    @rule(index=indexes, returns=st.booleans())
    def take_back(self, index: int, returns: bool) -> None:
        process = self.dead[index % len(self.dead)]
        task = self.owner.run(REMOVE, process.name, b"keep")
        if task != 0:
            self.owner.run(REMOVE, process.name, b"return" if returns else b"drop")
            if not returns:
                self.dropped[task] += 1

    @precondition(lambda self: self.dead)
    @rule(index=indexes)
    def return_of_one_that_was_cut_off(self, index: int) -> None:
        """It goes on as if nothing had happened, whether its task was taken back or not."""
        process = self.dead[index % len(self.dead)]
        was_removed = not self.redis.hexists(KEYS[0], process.name)
        reply = self.owner.run(EXCHANGE, *self.send(process, TRY))
        assert not was_removed or reply == 0
        process.task = reply if type(reply) is bytes else None
        process.taken = process.number if process.task is not None else 0

    @precondition(lambda self: any(process.requests for process in self.alive + self.dead))
    @rule(index=indexes, which=indexes)
    def late_copy_of_an_exchange(self, index: int, which: int) -> None:
        """It is one of an earlier request: a copy of the last one is as good as the request itself."""
        processes = [process for process in self.alive + self.dead if len(process.requests) > 1]
        if processes:
            process = processes[index % len(processes)]
            with pytest.raises(redis.ResponseError) if self.redis.hexists(KEYS[0], process.name) else nullcontext():
                assert self.owner.run(EXCHANGE, *process.requests[which % (len(process.requests) - 1)]) == 0

    @rule(copies=st.integers(1, 2), waits=st.booleans())
    def read(self, copies: int, waits: bool) -> None:
        request = b"%d" % self.reading, b"%d" % self.received, self.owner.channel if waits else b""
        for _ in range(copies):
            results = self.owner.run(READ, *request)
        self.reading, self.received = self.reading + 1, len(results)
        self.done.update(result.removeprefix(b"result of ") for result in results)

    @invariant()
    def each_task_is_in_one_place(self) -> None:
        items, held = self.redis.lrange(ITEMS, 0, -1), self.redis.hvals(HELD)
        unread = self.redis.lrange(RESULTS, self.received, -1)
        places = Counter(items) + Counter(held) + self.done + self.dropped
        places.update(result.removeprefix(b"result of ") for result in unread)
        assert places == Counter({b"%d" % number: 1 for number in range(self.put_tasks)})


@pytest.fixture
def machine(server: PrivateServer) -> type[TasksMachine]:
    return type("Machine", (TasksMachine,), {"url": server.url})


def test_every_task_is_done_once(machine: type[TasksMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=40))
