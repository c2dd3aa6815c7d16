"""Servers, contexts and actors for the tests; nothing needs to be set up by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import redis

from broker import Context
from broker.server.private_server import PrivateServer
from tests.support import signals
from tests.support.actors import Actor, Cast

pytest_plugins = ["tests.support.selection"]
# What would change how a program under test behaves.
AMBIENT = (
    *("LAB_REDIS_URL", "LAB_REDIS_URL_FILE", "LAB_SECRET", "LAB_SECRET_FILE"),
    *("PYTHONUNBUFFERED", "COLUMNS", "FORCE_COLOR", "NO_COLOR"),
)


def pytest_configure(config: pytest.Config) -> None:
    # The tests fork on purpose while threads run; the children use nothing that a thread of the parent may hold.
    config.addinivalue_line("filterwarnings", "ignore:.*multi-threaded, use of fork:DeprecationWarning")
    signals.at_default()
    for name in AMBIENT:
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateServer]:
    """One real server for all tests that do not break it."""
    started = PrivateServer()
    yield started
    started.close()


@pytest.fixture
def ctx(server: PrivateServer) -> Iterator[Context]:
    with Context(server.url) as context:
        yield context


@pytest.fixture
def client(server: PrivateServer) -> Iterator[redis.Redis]:
    """A plain client, to look behind the scenes."""
    with redis.Redis.from_url(server.url) as plain:
        yield plain


@pytest.fixture
def cast() -> Iterator[Cast]:
    """Whoever plays a part in a test; all leave the stage when it ends."""
    with Cast() as members:
        yield members


@pytest.fixture
def process(ctx: Context, cast: Cast) -> Callable[[object], Actor]:
    """Makes a process with a handle of its own."""
    return lambda thing: cast.process(ctx, thing)
