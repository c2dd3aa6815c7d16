"""Servers, contexts and actors for the tests; nothing needs to be set up by hand."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest
import redis

from broker import Context
from broker.server.private_server import PrivateServer
from tests.support.actors import Actor, Cast


def pytest_configure(config: pytest.Config) -> None:
    # The tests fork on purpose while threads run; the children use nothing that a thread of the parent may hold.
    config.addinivalue_line("filterwarnings", "ignore:.*multi-threaded, use of fork:DeprecationWarning")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore Ctrl-C


@pytest.fixture(scope="session", autouse=True)
def _no_ambient_server() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LAB_REDIS_URL", "LAB_REDIS_URL_FILE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def server(_no_ambient_server: None) -> Iterator[PrivateServer]:
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
