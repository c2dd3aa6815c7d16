"""What tests of managers need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from broker import Context
from tests.support.bank import Bank


@pytest.fixture
def bank(ctx: Context) -> Iterator[Any]:
    with Bank(ctx=ctx) as manager:
        yield manager
