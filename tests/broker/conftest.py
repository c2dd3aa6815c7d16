"""What only the tests over a real server need."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from broker import Context
from broker.engine import handle, holders, shared_scripts
from broker.engine.session import register_session
from broker.liveness import board
from broker.locks import arrival, barrier, condition, event, permits, wait_request
from broker.managers import stores
from broker.messages import items, pipe_ends, queues, tasks
from broker.server.private_server import PrivateServer
from broker.transport.scripts import Script
from broker.transport.wire import wire_factory
from broker.values import stored_bytes
from tests.support.proxy import Proxy
from tests.support.server_state import run_command
from tests.support.servers import Server

LOCKS = (arrival, barrier, condition, event, permits, wait_request)
MODULES = (handle, holders, shared_scripts, *LOCKS, items, pipe_ends, queues, tasks, board, stored_bytes, stores)
SCRIPTS = {value for module in MODULES for value in vars(module).values() if isinstance(value, Script)}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="broker-test-", dir="/tmp") as path:
        yield Path(path)


@pytest.fixture
def proxy(server: PrivateServer, ctx: Context) -> Iterator[Proxy]:
    lock = ctx.Lock()
    for script in SCRIPTS:
        run_command(lock, b"SCRIPT", b"LOAD", script.text)
    with Proxy(server.url.removeprefix("unix://")) as started:
        yield started


@pytest.fixture
def proxied(proxy: Proxy) -> Iterator[Context]:
    """A context behind the proxy, which counts a reply as lost after 0.3 s."""
    register_session(proxy.url, wire_factory(proxy.url), 0.3)
    with Context(proxy.url) as context:
        yield context


@pytest.fixture
def durable_server(folder: Path) -> Iterator[Server]:
    """A server that keeps its data across a restart."""
    with Server(folder, appendonly="yes", appendfsync="always") as started:
        yield started


@pytest.fixture
def volatile_server(folder: Path) -> Iterator[Server]:
    """A server that loses its data in a restart."""
    with Server(folder, appendonly="no") as started:
        yield started


@pytest.fixture
def full(client: redis.Redis) -> Iterator[Callable[[], object]]:
    """Makes the server's memory count as full."""
    yield lambda: client.config_set("maxmemory", 1)
    client.config_set("maxmemory", 0)
