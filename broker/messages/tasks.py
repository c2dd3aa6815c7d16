"""A queue of tasks whose owner knows which of its workers live, and reads their results.

Unlike the items of a joinable queue, a task is held without a lease: only its owner takes it back, when it knows that
the worker has ended. So one request delivers a result and takes the next task. The rules are in
`messages/lua/tasks.lua`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from broker.engine.flag_wait import RECHECK_INTERVAL
from broker.engine.handle import Handle
from broker.engine.operations import Client, Steps
from broker.engine.requests import ask
from broker.engine.waiting import wait
from broker.errors import BrokerError
from broker.transport.connection import NEVER
from broker.transport.replies import expect, integer, string
from broker.transport.scripts import BoundScript, Command, PackedKeys, Script

PUT_TASKS = Script("messages/lua/put_tasks.lua", arguments=None)
EXCHANGE_TASK = Script("messages/lua/exchange_task.lua", arguments=6)
READ_RESULTS = Script("messages/lua/read_results.lua", arguments=3)
ADD_RESULT = Script("messages/lua/add_result.lua")
ADD_WORKER = Script("messages/lua/add_worker.lua")
REMOVE_WORKER = Script("messages/lua/remove_worker.lua", arguments=2)

TRY, WAIT, LEAVE = b"0", b"1", b"2"  # modes of exchange_task.lua
ENDED, NONE_NOW = 0, 1  # what it replies if there is no task


class Tasks(Handle):
    """The tasks on the server: bytes, as are their results and the names of workers.

    One thread of the owner uses a `TaskWriter`, one a `ResultReader`; each worker process has a `Worker`.
    """

    _kind = "tasks"
    _key_suffixes = ("items", "held", "waiting", "results")
    __slots__ = ("exchange_script", "put_script", "read_script")

    def _configure(self) -> None:
        keys = PackedKeys(self._keys)
        self.put_script = PUT_TASKS.bind(keys)
        self.exchange_script = EXCHANGE_TASK.bind(keys)
        self.read_script = READ_RESULTS.bind(keys)

    def add_worker(self, worker: bytes) -> None:
        """Let a worker take tasks, before it is started."""
        self._run(ADD_WORKER.bind(self._keys), worker)

    def has_asked(self, worker: bytes) -> bool:
        """Return whether a worker that is not removed has ever asked for a task."""
        return self._ask(lambda number: number not in (None, b"0"), Command(b"HGET"), self._key, worker)

    def remove_worker(self, worker: bytes) -> bytes | None:
        """Let a worker take no more tasks, and drop its results from now on; return the task that it holds.

        It counts as held until `return_task` or `drop_task`.
        """
        return self._ask(_task_or_none, REMOVE_WORKER.bind(self._keys), worker, b"keep")

    def return_task(self, worker: bytes) -> None:
        """Put the task that a removed worker holds back to the front."""
        self._run(REMOVE_WORKER.bind(self._keys), worker, b"return")

    def drop_task(self, worker: bytes) -> None:
        """Forget the task that a removed worker holds."""
        self._run(REMOVE_WORKER.bind(self._keys), worker, b"drop")

    def count_held(self) -> int:
        """Return how many workers hold a task."""
        return self._ask(integer, Command(b"HLEN"), self._keys[2])

    def add_result(self, result: bytes) -> None:
        """Add a result that comes from no worker; it may be read twice."""
        self._run(ADD_RESULT.bind(self._keys), result)


class TaskWriter:
    """Puts tasks, for one thread."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._number = 0

    def put(self, tasks: Sequence[bytes], close: bool = False) -> bool:
        """Put tasks, the last ones if `close`; return whether workers were woken.

        A worker that was woken may be dead, or paused. So `wake` has to be called a second later.
        """
        self._number += 1
        return self._send(b"1" if close else b"0", *tasks)

    def wake(self) -> bool:
        """Wake workers if tasks are left and workers wait; return whether there were any."""
        return self._send(b"0")

    def _send(self, *arguments: bytes) -> bool:
        return self._tasks._ask(integer, self._tasks.put_script, b"%d" % self._number, *arguments) > 0


class ResultReader:
    """Reads results, for one thread."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._number = 1
        self._received = 0

    def read(self) -> list[bytes]:
        """Return the results that are there, in the order in which they were delivered; wait until there is one.

        If it is interrupted, or raises, it can be called again, and nothing is lost. A result is returned twice only if
        the server has lost its last data.
        """
        results = self._tasks._drive(self._read)
        self._number, self._received = self._number + 1, len(results)
        return results

    def _read(self, client: Client) -> Steps[list[bytes]]:
        request = _ReadRequest(self._tasks.read_script, b"%d" % self._number, b"%d" % self._received)
        yield from request.complete(client)
        return request.results


class Worker:
    """A worker's side, for one thread: takes tasks one by one, and delivers each result with the next request."""

    def __init__(self, tasks: Tasks, name: bytes) -> None:
        self._tasks = tasks
        self._name = name
        self._number = 0
        self._taken = 0  # the number of the request that took the current task; 0 if there is none

    def exchange(self, result: bytes) -> bytes | None:
        """Deliver the result of the current task, if it is not empty; return the next task, or None after the last one.

        Waits until there is one. If that is interrupted, a task that it has not returned goes back to the front.
        """
        request = self._request(result)
        del result  # it may be large, and the wait long
        task = self._tasks._drive(lambda client: self._exchange(client, request))
        self._taken = 0 if task is None else self._number
        return task

    def leave(self, result: bytes) -> None:
        """Deliver the result of the last task; take no more."""
        request = self._request(result)
        self._tasks._drive(request.leave)

    def _exchange(self, client: Client, request: _TaskRequest) -> Steps[bytes | None]:
        try:
            yield from request.complete(client)
            return request.task
        except (BrokerError, GeneratorExit):  # the owner takes back what it may hold
            raise
        except BaseException:
            self._number += 1
            request.number = b"%d" % self._number
            with suppress(Exception):  # the same
                yield from request.leave(client)
            raise

    def _request(self, result: bytes) -> _TaskRequest:
        self._number += 1
        script, number, taken = self._tasks.exchange_script, b"%d" % self._number, b"%d" % self._taken
        return _TaskRequest(script, self._name, number, taken, result)


class _Request(ABC):
    """A request that is sent until there is what it asks for; a `WaitCondition`."""

    recheck_at = NEVER
    _client: Client

    def complete(self, client: Client) -> Steps[None]:
        """Wait until there is what it asks for."""
        self._client, self.channel = client, client.channel
        # Only a subscriber may wait. One that is not subscribed yet first asks without it.
        if client.is_subscribed(self.channel) or not (yield from self._ask(waits=False)):
            yield from wait(client, self, NEVER)

    def check(self, deadline: float) -> Steps[bool]:  # noqa: ARG002 - there is none
        """Ask once more."""
        self.recheck_at = self._client.now() + RECHECK_INTERVAL  # no message comes if the data are lost
        return self._ask(waits=True)

    def on_message(self, message: bytes) -> Steps[bool]:  # noqa: ARG002 - it may be for an earlier request
        """Ask once more."""
        return self.check(NEVER)

    @abstractmethod
    def _ask(self, waits: bool) -> Steps[bool]:
        """Send the request; return whether there is what it asks for."""


class _ReadRequest(_Request):
    def __init__(self, script: BoundScript, *arguments: bytes) -> None:
        self.results: list[bytes] = []
        self._script = script
        self._arguments = arguments

    def _ask(self, waits: bool) -> Steps[bool]:
        arguments = *self._arguments, self.channel if waits else b""
        self.results = yield from ask(self._client, _strings, self._script, *arguments)
        return len(self.results) > 0


class _TaskRequest(_Request):
    def __init__(self, script: BoundScript, worker: bytes, number: bytes, taken: bytes, result: bytes) -> None:
        self.number = number
        self.task: bytes | None = None
        self._script = script
        self._worker = worker
        self._result = taken, result

    def leave(self, client: Client) -> Steps[bool]:
        """Deliver the result, stop waiting, and take no task."""
        self._client, self.channel = client, client.channel
        return self._send(LEAVE)

    def _ask(self, waits: bool) -> Steps[bool]:
        return self._send(WAIT if waits else TRY)

    def _send(self, mode: bytes) -> Steps[bool]:
        arguments = self._worker, self.number, mode, self.channel, *self._result
        reply = yield from ask(self._client, _task_or_code, self._script, *arguments)
        self._result = b"0", b""  # it is delivered
        self.task = reply if type(reply) is bytes else None
        return reply != NONE_NOW


def _task_or_code(reply: Any) -> bytes | int:
    if type(reply) is bytes or reply in (ENDED, NONE_NOW):
        return cast("bytes | int", reply)
    raise ValueError(reply)


def _task_or_none(reply: Any) -> bytes | None:
    return None if reply == 0 else string(reply)


def _strings(reply: Any) -> list[bytes]:
    return [string(part) for part in expect(list, reply)]
