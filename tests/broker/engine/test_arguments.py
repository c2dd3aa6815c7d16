"""Numbers that a program passes are used as they are meant, or refused with one sentence; none is half understood."""

from __future__ import annotations

import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from broker import ArgumentTypeError, Context, InvalidArgumentError
from broker.engine.arguments import MAX_COUNT
from broker.engine.leased_handle import MAX_LEASE, MIN_LEASE
from broker.engine.waiting import deadline_of
from broker.liveness.timing import MAX_INTERVAL, MIN_INTERVAL
from broker.transport.connection import NEVER
from tests.support.errors import message_of

NOT_DURATIONS = [float("nan"), Decimal("nan"), Decimal("snan"), float("inf"), -1, 0, True, 10**400, 1e303, 1e-9]
NOT_NUMBERS = ["10", b"10", None, 1j, [1]]
WITH_LEASE = pytest.mark.parametrize("kind", ["Lock", "Semaphore", "BoundedSemaphore", "JoinableQueue"])


@pytest.mark.parametrize("timeout", [10, 10.0, Decimal(10), Fraction(10)])
def test_timeout_may_be_a_number_of_any_type(timeout: Any) -> None:
    before = time.monotonic()
    assert before + 10 <= deadline_of(True, timeout) <= time.monotonic() + 10


@pytest.mark.parametrize("timeout", [None, float("inf"), 10**400])
def test_timeout_without_end(timeout: Any) -> None:
    assert deadline_of(True, timeout) == NEVER


@pytest.mark.parametrize("timeout", [0, -0.0, -1, float("-inf"), -(10**400), False])
def test_timeout_of_0_or_less_does_not_block(timeout: Any) -> None:
    assert deadline_of(True, timeout) == 0.0


@pytest.mark.parametrize("timeout", [float("nan"), Decimal("nan"), *NOT_NUMBERS[:2], *NOT_NUMBERS[3:]])
def test_timeout_that_is_not_a_number_is_refused(timeout: Any) -> None:
    assert deadline_of(False, timeout) == 0.0, "a call that does not block ignores its timeout"
    with pytest.raises(InvalidArgumentError) as error:
        deadline_of(True, timeout)
    assert "timeout" in message_of(error)


def test_watching_a_board_refuses_what_is_not_a_timeout(ctx: Context) -> None:
    with pytest.raises(InvalidArgumentError):
        next(ctx.Board().watch(float("nan")))


@WITH_LEASE
@pytest.mark.parametrize("lease", [*NOT_DURATIONS, *NOT_NUMBERS, MIN_LEASE * 0.999, MAX_LEASE * 1.001])
def test_lease_that_cannot_be_kept_is_refused(ctx: Context, kind: str, lease: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(lease=lease)
    assert "a lease must be" in message_of(error)


@pytest.mark.parametrize("lease", [MIN_LEASE, MAX_LEASE, Decimal(MAX_LEASE), Fraction(1, 2), 7])
def test_lease_within_the_bounds_is_kept(ctx: Context, lease: Any) -> None:
    lock = ctx.Lock(lease=lease)
    assert type(lock.lease) is float
    assert lock.lease == lease
    if lease > 1:
        lock.acquire()
        assert lock.holders()[0].lease_left == pytest.approx(float(lease), abs=3)
        lock.release()


@pytest.mark.parametrize("interval", [*NOT_DURATIONS, *NOT_NUMBERS, MIN_INTERVAL * 0.999, MAX_INTERVAL * 1.001])
def test_interval_that_cannot_be_kept_is_refused(ctx: Context, interval: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        ctx.Board(interval)
    assert "an interval must be" in message_of(error)


@pytest.mark.parametrize("interval", [MIN_INTERVAL, MAX_INTERVAL, Decimal(30), Fraction(1, 2), 7])
def test_interval_within_the_bounds_is_kept(ctx: Context, interval: Any) -> None:
    board = ctx.Board(interval)
    assert type(board.interval) is float
    assert board.interval == interval
    assert board.snapshot() == ({}, {}, {})


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore", "Queue", "JoinableQueue"])
@pytest.mark.parametrize("count", [MAX_COUNT + 1, 10**19, 10**400, 1.0, True, *NOT_NUMBERS])
def test_count_that_is_no_count_is_refused(ctx: Context, kind: str, count: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(count)
    assert "must be" in message_of(error)


@pytest.mark.parametrize("number", NOT_NUMBERS)
def test_what_is_not_a_number_is_a_type_error_as_with_multiprocessing(ctx: Context, number: Any) -> None:
    for create in (ctx.Semaphore, ctx.Queue, ctx.Board):
        with pytest.raises(TypeError) as error:
            create(number)
        assert isinstance(error.value, ArgumentTypeError)


def test_largest_count(ctx: Context) -> None:
    assert ctx.Semaphore(MAX_COUNT).get_value() == MAX_COUNT
    assert ctx.Queue(MAX_COUNT).full() is False
    assert ctx.Queue(-(10**400)).full() is False, "a queue of less than one item has no limit"
