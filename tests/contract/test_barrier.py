"""What every barrier promises, multiprocessing's and the broker's."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest

from tests.contract.backends import Backend
from tests.support.actors import Actor
from tests.support.waiting import wait_until


def begin_wait(barrier: Any, parties: list[Actor], *arguments: object) -> None:
    for place, party in enumerate(parties, 1):
        party.begin("wait", *arguments)
        wait_until(lambda: barrier.n_waiting == place)  # noqa: B023 - called in this round only


def fails(party: Actor) -> None:
    with pytest.raises(threading.BrokenBarrierError):
        party.result()


def test_generations(backend: Backend) -> None:
    barrier = backend.context.Barrier(3)
    parties = [backend.actor(barrier) for _ in range(2)]
    for _ in range(3):
        begin_wait(barrier, parties)
        assert all(party.blocked() for party in parties)
        numbers = [barrier.wait(), *(party.result() for party in parties)]
        assert numbers == [2, 0, 1]
        wait_until(lambda: barrier.n_waiting == 0)
    assert (barrier.parties, barrier.broken) == (3, False)


def test_action_is_run_once(context: Any) -> None:
    ran: list[str] = []
    barrier = context.Barrier(1, lambda: ran.append("action"))
    assert [barrier.wait(), barrier.wait()] == [0, 0]
    assert ran == ["action"] * 2


def test_action_that_fails(backend: Backend) -> None:
    barrier = backend.context.Barrier(2, action=functools.partial(int, "no number"))
    party = backend.actor(barrier)
    begin_wait(barrier, [party])
    with pytest.raises(ValueError, match="no number"):
        barrier.wait()
    fails(party)
    assert barrier.broken is True


@pytest.mark.parametrize("timeouts", [(0.05, None), (None, 0.05)])
def test_timeout(backend: Backend, timeouts: tuple[float | None, float | None]) -> None:
    default, own = timeouts
    barrier = backend.context.Barrier(3, timeout=default)
    party = backend.actor(barrier)
    begin_wait(barrier, [party], 60)
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(own)
    fails(party)
    assert barrier.broken is True
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()


@pytest.mark.parametrize("call", ["abort", "reset"])
def test_abort_and_reset(backend: Backend, call: str) -> None:
    barrier = backend.context.Barrier(2)
    party = backend.actor(barrier)
    begin_wait(barrier, [party])
    assert getattr(barrier, call)() is None
    fails(party)
    assert barrier.broken is (call == "abort")
    assert barrier.reset() is None
    begin_wait(barrier, [party])
    assert (barrier.wait(), party.result()) == (1, 0)
