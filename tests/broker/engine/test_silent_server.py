"""A server that accepts connections and never replies: a call's timeout bounds the whole call."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker import Context, ServerUnavailableError
from broker.engine.session import register_session
from broker.messages.pipe import PipeConnection
from broker.server.private_server import PrivateServer
from broker.transport.wire import Wire, wire_factory

TIMEOUT = 0.5  # seconds
LIMIT = 4.0  # seconds: less than a reply may take where no timeout is given, and enough for a busy machine
FORKS = 8


@pytest.fixture
def silent() -> Iterator[Context]:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Context(f"redis://127.0.0.1:{server.getsockname()[1]}") as ctx,
    ):
        yield ctx
        register_session(ctx.url, _refuse)  # so that nothing is waited for at the end


def _refuse(*_: object) -> Wire:
    raise ConnectionRefusedError


@pytest.mark.parametrize(
    ("kind", "call", "expected"),
    [
        ("Lock", lambda lock: lock.acquire(timeout=TIMEOUT), False),
        ("Lock", lambda lock: lock.acquire(block=False), ServerUnavailableError),
        ("Semaphore", lambda semaphore: semaphore.acquire(timeout=TIMEOUT), False),
        ("Event", lambda event: event.wait(TIMEOUT), False),
        ("Queue", lambda queue: queue.get(timeout=TIMEOUT), ServerUnavailableError),
        ("Queue", lambda queue: queue.put(1, timeout=TIMEOUT), ServerUnavailableError),
        ("Queue", lambda queue: queue.get_nowait(), ServerUnavailableError),
        ("JoinableQueue", lambda queue: queue.get(timeout=TIMEOUT), ServerUnavailableError),
    ],
)
def test_call(kind: str, call: Callable[[Any], Any], expected: Any, silent: Context) -> None:
    primitive = getattr(silent, kind)()
    started = time.monotonic()
    if expected is False:
        assert call(primitive) is False
    else:
        with pytest.raises(expected):
            call(primitive)
    assert time.monotonic() - started < LIMIT


@pytest.fixture
def connected(server: PrivateServer) -> Iterator[tuple[PipeConnection, Callable[[], None]]]:
    """One of the ends of several pipes, and what makes their server silent."""
    silenced: list[bool] = []

    class SilentWire:
        def __init__(self, wire: Wire) -> None:
            self._wire = wire

        def send(self, request: bytes, timeout: float | None = None) -> None:
            if not silenced:
                self._wire.send(request, timeout)

        def read(self, timeout: float | None = None) -> Any:
            return self._wire.read(timeout)

        def close(self) -> None:
            self._wire.close()

        close_inherited = close

    url = f"{server.url}?client_name=silenced"
    register_session(url, lambda *timeouts: SilentWire(wire_factory(url)(*timeouts)))  # type: ignore[arg-type]
    with Context(url) as context:
        pipes = [context.Pipe() for _ in range(FORKS)]
        yield pipes[0][0], lambda: silenced.append(True)
        silenced.clear()


@pytest.mark.parametrize("timeout", [0.0, TIMEOUT])
def test_poll(timeout: float, connected: tuple[PipeConnection, Callable[[], None]]) -> None:
    end, silence = connected
    silence()
    started = time.monotonic()
    with pytest.raises(ServerUnavailableError):
        end.poll(timeout)
    assert time.monotonic() - started < LIMIT


def test_fork_does_not_wait_for_the_server(connected: tuple[PipeConnection, Callable[[], None]]) -> None:
    _, silence = connected
    silence()
    started = time.monotonic()
    if not (pid := os.fork()):
        os._exit(0)
    assert time.monotonic() - started < LIMIT
    os.waitpid(pid, 0)
