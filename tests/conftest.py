"""Servers, contexts and actors for the tests; nothing needs to be set up by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import redis

from broker import Context
from broker.server.private_server import PrivateServer
from tests.support import signals
from tests.support.actors import Actor, Actors

pytest_plugins = ["tests.support.selection"]
# What would change how a program under test behaves.
AMBIENT = (
    *("LAB_REDIS_URL", "LAB_REDIS_URL_FILE", "LAB_SECRET", "LAB_SECRET_FILE"),
    *("PYTHONUNBUFFERED", "COLUMNS", "FORCE_COLOR", "NO_COLOR"),
    *("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"),
)


def pytest_configure(config: pytest.Config) -> None:
    # The tests fork on purpose while threads run; the children use nothing that a thread of the parent may hold.
    config.addinivalue_line("filterwarnings", "ignore:.*multi-threaded, use of fork:DeprecationWarning")
    signals.at_default()
    for name in AMBIENT:
        os.environ.pop(name, None)
    cache = getattr(config, "cache", None)  # there is none with `-p no:cacheprovider`
    if cache and os.environ.pop("PYTHONDONTWRITEBYTECODE", None):  # else each program under test compiles its modules
        os.environ["PYTHONPYCACHEPREFIX"] = str(cache.mkdir("bytecode"))


@pytest.fixture(autouse=True)
def _handlers_unchanged() -> Iterator[None]:
    """Fail a test that leaves another handler of SIGINT or SIGTERM: children of later tests would inherit it."""
    before = signals.handlers()
    yield
    assert signals.handlers() == before


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateServer]:
    """One server for all tests that do not stop or configure it."""
    started = PrivateServer()
    yield started
    started.close()


@pytest.fixture
def ctx(server: PrivateServer) -> Iterator[Context]:
    with Context(server.url) as context:
        yield context


@pytest.fixture
def client(server: PrivateServer) -> Iterator[redis.Redis]:
    """redis-py's client, to inspect and change the server directly."""
    with redis.Redis.from_url(server.url) as connected:
        yield connected


@pytest.fixture
def actors() -> Iterator[Actors]:
    """Starts threads and processes that run calls for the test; all are stopped when it ends."""
    with Actors() as started:
        yield started


@pytest.fixture
def process(ctx: Context, actors: Actors) -> Callable[[object], Actor]:
    """Starts a process that has its own copy of a handle."""
    return lambda thing: actors.process(ctx, thing)
