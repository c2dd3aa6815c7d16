"""What tests of asyncio's classes need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import pytest

from broker import aio
from broker.server.private_server import PrivateServer
from tests.support.aio import run_with_context

Run: TypeAlias = Callable[[Callable[[aio.Context], Awaitable[Any]]], Any]


@pytest.fixture
def run(server: PrivateServer) -> Run:
    """Runs a coroutine function in a new loop, with a context whose unnamed primitives are deleted then."""
    return partial(run_with_context, server.url)
