"""Invalid arguments of locks, semaphores and events are refused with one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from broker import Context, InvalidArgumentError, MismatchError
from tests.support.errors import message_of
from tests.support.server_state import holders


@pytest.mark.parametrize("kind", ["Lock", "Semaphore", "BoundedSemaphore", "Event"])
@pytest.mark.parametrize("name", ["", 1, b"bytes", 0, (), True, "\udc80"])
def test_invalid_name_is_refused(ctx: Context, kind: str, name: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(name=name)
    assert "name" in message_of(error)


@pytest.mark.parametrize("kind", ["Lock", "Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("lease", [0, -1, -0.001, float("nan"), float("inf"), True, False, "10", None])
def test_invalid_lease_is_refused(ctx: Context, kind: str, lease: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(lease=lease)
    assert "lease" in message_of(error)


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("value", [-1, 1.0, True, "3", None])
def test_invalid_initial_value_is_refused(ctx: Context, kind: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        getattr(ctx, kind)(value)
    assert "permits" in message_of(error)


@pytest.mark.parametrize("kind", ["Semaphore", "BoundedSemaphore"])
def test_name_in_use_with_another_initial_value_is_refused(ctx: Context, kind: str) -> None:
    first = getattr(ctx, kind)(2, name="taken")
    first.acquire()
    with pytest.raises(MismatchError) as error:
        getattr(ctx, kind)(3, name="taken")
    assert "2" in message_of(error)
    assert len(holders(first)) == 1, "the first semaphore is unchanged"
    assert getattr(ctx, kind)(2, name="taken").get_value() == 1
    first.delete()
