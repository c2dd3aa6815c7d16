"""A party's arrival at a barrier, until all have arrived; the rules are in `lua/barrier.lua`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from broker.engine.lease import Holdings, Withdrawal
from broker.engine.operations import Client, Steps
from broker.engine.request import MARGIN, MICROSECOND
from broker.engine.requests import RETRY_TIMEOUT, parsed, run
from broker.engine.waiting import wait
from broker.errors import BrokenBarrierError, ServerUnavailableError
from broker.transport.connection import NEVER
from broker.transport.scripts import BoundScript, Script

ARRIVE = Script("locks/lua/arrive.lua", arguments=4)
BREAK = Script("locks/lua/break_barrier.lua", arguments=4)
LEAVE = Script("locks/lua/leave_barrier.lua", arguments=3)

BROKEN, FILLING, COMPLETE, ACTING, BUSY = range(-1, 4)  # as in barrier.lua


class Arrival:
    """A `WaitCondition`: the other parties have arrived. `place` is this party's, `acts` whether it runs the action."""

    recheck_at = NEVER

    def __init__(
        self,
        bind: Callable[[Script], BoundScript],
        fail: Callable[[bytes], BrokenBarrierError],
        holdings: Holdings,
        client: Client,
        lease: float,
        has_action: bool,
    ) -> None:
        self.channel = client.channel
        self.token = client.new_token()
        self.place = 0
        self.generation = b""  # "" until it has arrived
        self.sent_at = 0.0
        self.acts = False
        self._bind = bind
        self._fail = fail
        self._holdings = holdings
        self._client = client
        self._lease = lease
        self._script = bind(ARRIVE)
        self._action = b"%d" % has_action
        self._sent_again = False

    @property
    def arrived(self) -> tuple[bytes, bytes, bytes]:
        """The arguments of all scripts about this arrival: its token, and the generation and place that are known."""
        return self.token, self.generation, b"%d" % self.place

    def complete(self, deadline: float) -> Steps[None]:
        """Return when all parties have arrived; raise `BrokenBarrierError` if they have not by `deadline`."""
        try:
            if not (yield from wait(self._client, self, deadline)):
                yield from self._time_out()
        except BrokenBarrierError:
            if self._sent_again:
                yield from self._leave()
            raise
        except GeneratorExit:
            self._withdraw(LEAVE)
            raise
        except ServerUnavailableError as error:
            if self._client.now() < deadline:
                self._withdraw(LEAVE)
                raise
            self._withdraw(BREAK if self.generation else LEAVE)
            raise self._fail(b"timeout " + self.token) from error
        except BaseException:
            yield from self._leave()
            raise

    def check(self, deadline: float) -> Steps[bool]:
        """Arrive, or ask what has become of the arrival and renew its lease."""
        self.sent_at = self._client.now()
        reply, sent_again = yield from run(self._client, self._script, *self.arrived, self._action, deadline=deadline)
        self._sent_again = self._sent_again or sent_again
        return parsed(self._client, self.read, reply)

    def on_message(self, message: bytes) -> Steps[bool]:
        """Process the news that the generation is complete, or that the server is to be asked."""
        token, _, number = message.partition(b" ")
        if token == self.token and number == self.generation != b"":
            return True
        if token == self.token:
            self.recheck_at = 0.0
        return False
        yield  # a generator, as of every condition

    def read(self, reply: Any) -> bool:
        """Return whether a reply says that the wait is over; raise `BrokenBarrierError` if the barrier is broken.

        Raises `ValueError` if it is none of the barrier's scripts.
        """
        kinds = [type(part) for part in reply] if type(reply) is list else []
        if kinds == [int, bytes] and reply[0] == BROKEN:
            raise self._fail(reply[1])
        if kinds != [int] * 5 or not FILLING <= reply[0] <= BUSY:
            raise ValueError(reply)
        state, generation, place, now, expiry = reply
        if state != BUSY:
            self.generation, self.place = b"%d" % generation, place
        self.acts = state == ACTING
        self.recheck_at = self.sent_at + min(self._lease / 3, (expiry - now) * MICROSECOND) + MARGIN
        return state in (COMPLETE, ACTING)

    def _time_out(self) -> Steps[None]:
        if not self.generation:  # the action of another generation runs, which this party must not break
            yield from self._leave()
            raise self._fail(b"timeout " + self.token)
        arguments = *self.arrived, b"timeout"
        reply, _ = yield from run(self._client, self._bind(BREAK), *arguments, deadline=self._client.now())
        parsed(self._client, self.read, reply)

    def _leave(self) -> Steps[None]:
        answered = False
        try:
            with contextlib.suppress(Exception):
                yield from run(self._client, self._bind(LEAVE), *self.arrived, deadline=0.0)
                answered = True
        finally:
            if not answered:
                self._withdraw(LEAVE)

    def _withdraw(self, script: Script) -> None:
        self._client.retire()
        arguments = (*self.arrived, b"timeout")[: script.arguments]
        self._holdings.renewer.withdraw(Withdrawal(self._bind(script), arguments, self._client.now() + RETRY_TIMEOUT))
