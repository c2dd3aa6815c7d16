"""A waiter acknowledges its grant; until that is confirmed, it relies on the grant alone."""

from __future__ import annotations

from broker import Context
from broker.engine.request import ACK_TIMEOUT, MICROSECOND
from broker.engine.shared_scripts import RENEW
from broker.locks.lock import Lock
from tests.support.actors import SLACK, Actor, Actors
from tests.support.proxy import Fault, Proxy
from tests.support.server_state import holders, run_command, start_waiting
from tests.support.waiting import wait_until


def start_waiter(lock: Lock, actors: Actors) -> Actor:
    """Start a thread that waits for the lock; from now on, this process renews no lease."""
    waiter = actors.thread(lock)
    start_waiting(lock, [waiter])
    lock._get_session().lease_renewer.stop()
    return waiter


def remaining_lease(lock: Lock) -> float:
    """Return the seconds until the holder's lease expires on the server."""
    [token] = holders(lock)
    _, expiry, _ = run_command(lock, b"HGET", lock._key, token).split()
    seconds, microseconds = run_command(lock, b"TIME")
    return int(expiry) * MICROSECOND - int(seconds) - int(microseconds) * MICROSECOND


def test_waiter_acknowledges_its_grant_without_waiting_for_a_renewal(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock(lease=60)
    lock.acquire()
    waiter = start_waiter(lock, actors)
    run_command(lock, b"SCRIPT", b"FLUSH")  # as on a server that has just started
    lock.release()
    assert waiter.result() is True
    wait_until(lambda: remaining_lease(lock) > ACK_TIMEOUT, timeout=SLACK)


def test_grant_that_is_probably_released_soon_is_renewed_if_it_is_not(ctx: Context, actors: Actors) -> None:
    lock = ctx.Lock(lease=60)
    lock._get_session().holdings.held_briefly[lock._key] = True
    lock.acquire()
    waiter = actors.thread(lock)
    start_waiting(lock, [waiter])
    lock.release()
    assert waiter.result() is True
    wait_until(lambda: remaining_lease(lock) > ACK_TIMEOUT, timeout=SLACK)


def test_holder_whose_acknowledgement_is_lost_knows_it_before_the_next_holder(
    proxy: Proxy, proxied: Context, ctx: Context, actors: Actors
) -> None:
    lock = proxied.Lock()
    direct = ctx.Lock(name=lock.name)
    direct.acquire()
    waiter = start_waiter(lock, actors)
    proxy.inject(RENEW, Fault.LOSE_REQUEST)
    direct.release()
    assert waiter.result() is True
    assert direct.acquire() is True, "the grant has expired"
    assert not lock.held
