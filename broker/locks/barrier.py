"""A barrier for processes on any number of hosts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from broker.engine.arguments import check_count
from broker.engine.handle import INDEX_KEY, Handle
from broker.engine.holders import Waiter, describe_requester, parse_waiters
from broker.engine.lease import Holdings, Lease
from broker.engine.leased_handle import DEFAULT_LEASE, check_lease
from broker.engine.operations import Client, Steps
from broker.engine.owner import Owner
from broker.engine.request import MICROSECOND
from broker.engine.requests import run
from broker.engine.waiting import deadline_of
from broker.errors import BrokenBarrierError, BrokerError, InvalidArgumentError
from broker.locks.arrival import BREAK, Arrival
from broker.transport.replies import integers
from broker.transport.scripts import BoundScript, PackedKeys, Script

COMPLETE = Script("locks/lua/complete_barrier.lua", arguments=3)
READ = Script("locks/lua/read_barrier.lua")
RENEW = Script("locks/lua/renew_party.lua")
RESET = Script("locks/lua/reset_barrier.lua")

# Why a barrier is broken, as in barrier.lua.
REASONS = {
    "lost": "{} was lost while it waited: its lease has expired",
    "timeout": "{} has waited for longer than its timeout",
    "aborted": "{} has called abort()",
    "action": "the action has failed in {}",
    "left": "{} was interrupted before it ran the action",
    "reset": "{} has called reset()",
    "data": "the server has lost its data",
}

B = TypeVar("B", bound="Barrier")


class Barrier(Handle):
    """`multiprocessing.Barrier` over Redis: `parties` threads wait until all of them have arrived.

    `wait` returns a different number from 0 to `parties` - 1 in each of them. Before the others go on, the last one
    runs `action`, if there is one. Each party waits under a lease of `lease` seconds; if one is killed, the barrier is
    broken when its lease expires, and `BrokenBarrierError` names it in all parties.

        number = barrier.wait()

    The same name with another number of parties raises `MismatchError`. A pickled barrier is a handle for the same
    barrier in any process; its action must be picklable, too.
    """

    _kind = "barrier"
    _key_suffixes = ("waiting", "leases", "entering", "failed", "done", "past:0", "past:1")
    __slots__ = ("_action", "_bound", "_packed_keys", "_parties", "_timeout", "lease")

    def __init__(
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        name: str | None = None,
        lease: float = DEFAULT_LEASE,
        context: Owner | None = None,
    ) -> None:
        self._action, self._timeout = action, timeout
        deadline_of(True, timeout)  # it is a number
        super().__init__(name, context=context, parties=parties, lease=lease)
        if name is not None:
            self._read()  # it raises if there is another one

    @classmethod
    def at(cls: type[B], url: str, name: str, **options: Any) -> B:
        """Return a handle for `name` on the server at `url`, with these options; this sends no request."""
        barrier = cls.__new__(cls)
        barrier._action, barrier._timeout = options.pop("action", None), options.pop("timeout", None)
        barrier._bind(url, name, options)
        return barrier

    def _configure(self, *, parties: int, lease: float = DEFAULT_LEASE) -> None:
        self._parties = _check_parties(parties)
        self.lease = check_lease(lease)
        self._packed_keys = PackedKeys(self._keys)
        self._bound: dict[Script, BoundScript] = {}  # those that were run

    def _pickled_options(self) -> dict[str, Any]:
        return {**super()._pickled_options(), "action": self._action, "timeout": self._timeout}

    @property
    def parties(self) -> int:
        """How many threads the barrier waits for."""
        return self._parties

    @property
    def n_waiting(self) -> int:
        """How many parties wait now."""
        return self._read()[0]

    @property
    def broken(self) -> bool:
        """Whether the barrier is broken now."""
        return self._read()[1]

    def waiters(self) -> list[Waiter]:
        """Return which parties wait, the one that arrived first at the head."""
        return self._read()[2]

    def _read(self) -> tuple[int, bool, list[Waiter]]:
        return self._ask(parse_state, self._bind_script(READ))

    def wait(self, timeout: float | None = None) -> int:
        """Wait until all parties have arrived; return this one's number.

        Raises `BrokenBarrierError` if the barrier is or becomes broken, or is reset; if a party does not come within
        `timeout` seconds (by default, the barrier's), this breaks it.
        """
        deadline = self._deadline(timeout)
        holdings = self._get_session().holdings
        arrival = self._drive(lambda client: self._arrive(holdings, client, deadline))
        if arrival.acts:
            self._act(holdings, arrival)
        return arrival.place

    def abort(self) -> None:
        """Break the barrier: parties that wait, and those that come before `reset`, get `BrokenBarrierError`."""
        self._drive(self._abort)

    def reset(self) -> None:
        """Begin anew, with no parties and not broken; parties that wait get `BrokenBarrierError`."""
        self._run(self._bind_script(RESET))

    def _deadline(self, timeout: float | None) -> float:
        return deadline_of(True, self._timeout if timeout is None else timeout)

    def _abort(self, client: Client) -> Steps[object]:
        return run(client, self._bind_script(BREAK), client.new_token(), b"", b"0", b"aborted")

    def _arrive(self, holdings: Holdings, client: Client, deadline: float) -> Steps[Arrival]:
        has_action = self._action is not None
        arrival = Arrival(self._bind_script, self._broken_error, holdings, client, self.lease, has_action)
        yield from arrival.complete(deadline)
        return arrival

    def _act(self, holdings: Holdings, arrival: Arrival) -> None:
        assert self._action is not None
        lease = self._action_lease(arrival)
        try:
            holdings.hold(self._key, lease)
            self._action()
            self._ask(arrival.read, self._bind_script(COMPLETE), *arrival.arrived)
        except BaseException:
            with contextlib.suppress(BrokerError):  # then its lease expires
                self._run(self._bind_script(BREAK), *arrival.arrived, b"action")
            raise
        finally:
            holdings.drop(self._key, lease)

    def _action_lease(self, arrival: Arrival) -> Lease:
        renew, since = self._bind_script(RENEW), arrival.sent_at
        return Lease(arrival.token, 0, self.lease, since, since + self.lease, renew)

    def _broken_error(self, reason: bytes) -> BrokenBarrierError:
        how, _, token = reason.partition(b" ")
        why = REASONS[how.decode()].format(describe_requester(token) if token else "")
        return BrokenBarrierError(f"{self!r} is broken: {why}")

    def _bind_script(self, script: Script) -> BoundScript:
        bound = self._bound.get(script)
        if bound is None:
            lease = round(self.lease / MICROSECOND)
            bound = script.bind(self._packed_keys, self._parties, lease, more_keys=INDEX_KEY)
            self._bound[script] = bound
        return bound


def parse_state(reply: Any) -> tuple[int, bool, list[Waiter]]:
    """Return how many parties wait, whether the barrier is broken, and who waits, by a reply of `READ`."""
    *numbers, waiters = reply
    waiting, broken = integers(numbers, 2)
    return waiting, broken != 0, parse_waiters("wait", waiters)


def _check_parties(parties: int) -> int:
    count = check_count(parties, "a barrier's number of parties")
    if count < 1:
        raise InvalidArgumentError(f"a barrier's number of parties must be at least 1, not {parties!r}")
    return count
