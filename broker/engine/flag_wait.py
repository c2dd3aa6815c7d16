"""Waiting for a flag that other processes set, without missing one that is set and cleared in between."""

from __future__ import annotations

from typing import Any

from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.operations import Client, Steps, Unsubscribe
from broker.engine.request import MICROSECOND
from broker.engine.requests import ask
from broker.engine.waiting import deadline_of, wait
from broker.errors import ServerUnavailableError
from broker.transport.connection import NEVER
from broker.transport.replies import integers, string
from broker.transport.scripts import BoundScript

RECHECK_INTERVAL = DEFAULT_LEASE  # seconds: nobody sends a message when the server's data is lost or deleted
REGISTER_AFTER = 1.0  # seconds of waiting: who is woken earlier pays nothing for being listed


def wait_for_flag(
    client: Client,
    read_script: BoundScript,
    channel: bytes,
    timeout: float | None,
    register_script: BoundScript | None = None,
) -> Steps[bool]:
    """Wait until the flag is set, or was set since this call; return False after `timeout` seconds.

    `read_script` returns the flag and its generation, which rises each time that the flag is set and is then published
    on `channel`. `register_script` (`locks/lua/wait_event.lua`) does so, too, and has the waiter listed. It replaces
    the other one in a wait that is not short.
    """
    deadline = deadline_of(True, timeout)
    condition = _FlagCondition(client, read_script, channel, register_script)
    abandoned = False
    try:
        if (yield from condition.check(deadline)):
            return True
        if client.now() >= deadline:
            return False
        return (yield from wait(client, condition, deadline)) or (yield from condition.check(deadline, leaves=True))
    except ServerUnavailableError:
        if client.now() < deadline:
            raise
        return False  # a timeout is not an error
    except GeneratorExit:  # its driver was interrupted
        abandoned = True
        raise
    finally:
        if not abandoned:
            yield Unsubscribe(channel)


class _FlagCondition:
    recheck_at = NEVER

    def __init__(
        self, client: Client, read_script: BoundScript, channel: bytes, register_script: BoundScript | None
    ) -> None:
        self.channel = channel
        self._read_script = read_script
        self._register_script = register_script
        self._client = client
        self._token = client.new_token()
        self._began = client.now()
        self._since = b""  # when that was on the server's clock, if the waiter is registered
        self._first_generation: int | None = None  # the generation when the wait began

    def check(self, deadline: float, leaves: bool = False) -> Steps[bool]:
        if self._register_script is not None and self._is_due(leaves):
            flag, generation = yield from self._register(self._register_script, deadline, leaves)
        else:
            script = self._read_script
            flag, generation = yield from ask(self._client, parse_flag, script, self._token, deadline=deadline)
        now = self._client.now()
        self.recheck_at = now + RECHECK_INTERVAL
        if self._register_script is not None and not self._since:
            self.recheck_at = max(now, self._began + REGISTER_AFTER)
        if self._first_generation is None or generation == 0:  # 0: there are no data, or none any more
            self._first_generation = generation
        return flag or generation != self._first_generation  # lower if it was set after the data was lost

    def _is_due(self, leaves: bool) -> bool:
        if leaves:
            return self._since != b""
        return self._first_generation is not None and self._client.now() >= self._began + REGISTER_AFTER

    def _register(self, script: BoundScript, deadline: float, leaves: bool) -> Steps[tuple[bool, int]]:
        waited = (self._client.now() - self._began) / MICROSECOND
        arguments = (self._token, b"%d" % (self._first_generation or 0), b"%d" % waited, self._since, b"%d" % leaves)
        flag, generation, self._since = yield from ask(
            self._client, _parse_registered, script, *arguments, deadline=deadline
        )
        return flag, generation

    def on_message(self, message: bytes) -> Steps[bool]:
        if message.isdigit() and int(message) > (self._first_generation or 0):
            return True
        self.recheck_at = 0.0  # of an earlier wait, or set after the data was lost, or no generation: `check` tells
        return False
        yield  # a generator, as of every condition


def parse_flag(reply: Any) -> tuple[bool, int]:
    """Return a flag and its generation."""
    flag, generation = integers(reply, 2)
    return flag != 0, generation


def _parse_registered(reply: Any) -> tuple[bool, int, bytes]:
    *flag, since = reply
    return *parse_flag(flag), string(since)
