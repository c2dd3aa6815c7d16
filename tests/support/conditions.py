"""What tests of conditions share."""

from __future__ import annotations

from collections.abc import Callable

from broker import Condition
from tests.support.actors import SLACK, Actor
from tests.support.server_state import count_waiters, holders, run_command
from tests.support.waiting import wait_until

LONG = 60.0  # seconds: a lease that does not end within a bound
Process = Callable[[object], Actor]


def begin_wait(condition: Condition, waiters: list[Actor], *arguments: object) -> None:
    """Let the actors wait to be notified, one after the other; return when all do, in this order."""
    for waiter in waiters:
        place = count_waiters(condition)
        waiter.call("acquire")
        waiter.begin("wait", *arguments)
        wait_until(lambda: count_waiters(condition) == place + 1)  # noqa: B023 - called in this round only


def notify(condition: Condition, n: int = 1) -> None:
    with condition:
        condition.notify(n)


def notified(condition: Condition) -> list[bytes]:
    return list(run_command(condition, b"ZRANGE", condition._keys[2], b"0", b"-1"))


def nothing_is_left(condition: Condition) -> bool:
    lock = condition.lock
    return not (count_waiters(condition) or notified(condition) or count_waiters(lock) or holders(lock))


def gets_the_lock(waiter: Actor, timeout: float = SLACK) -> None:
    assert waiter.result(timeout) is True
    waiter.call("release")
