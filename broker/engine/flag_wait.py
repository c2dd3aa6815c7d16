"""Waiting for a flag that other processes set, without missing one that is set and cleared in between."""

from __future__ import annotations

from broker.engine.leased_handle import DEFAULT_LEASE
from broker.engine.operations import Client, Steps, Unsubscribe
from broker.engine.requests import run
from broker.engine.waiting import deadline_of, wait
from broker.errors import ServerUnavailableError
from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript

RECHECK_INTERVAL = DEFAULT_LEASE  # seconds: nobody sends a message when the server's data is lost or deleted


def wait_for_flag(client: Client, read_script: BoundScript, channel: bytes, timeout: float | None) -> Steps[bool]:
    """Wait until the flag is set, or was set since this call; return False after `timeout` seconds.

    `read_script` returns the flag and its generation, which rises each time that the flag is set and is then published
    on `channel`.
    """
    deadline = deadline_of(True, timeout)
    condition = _FlagCondition(client, read_script, channel)
    abandoned = False
    try:
        if (yield from condition.check(deadline)):
            return True
        if client.now() >= deadline:
            return False
        return (yield from wait(client, condition, deadline)) or (yield from condition.check(deadline))
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

    def __init__(self, client: Client, read_script: BoundScript, channel: bytes) -> None:
        self.channel = channel
        self._read_script = read_script
        self._client = client
        self._first_generation: int | None = None  # the generation when the wait began

    def check(self, deadline: float) -> Steps[bool]:
        token = self._client.new_token()
        (flag, generation), _ = yield from run(self._client, self._read_script, token, deadline=deadline)
        self.recheck_at = self._client.now() + RECHECK_INTERVAL
        if self._first_generation is None or generation == 0:  # 0: there are no data, or none any more
            self._first_generation = generation
        return bool(flag) or generation != self._first_generation  # lower if it was set after the data was lost

    def on_message(self, message: bytes) -> Steps[bool]:
        if message.isdigit() and int(message) > (self._first_generation or 0):
            return True
        self.recheck_at = 0.0  # of an earlier wait, or set after the data was lost, or no generation: `check` tells
        return False
        yield  # a generator, as of every condition
