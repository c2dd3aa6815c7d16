"""A proxy in front of a server that loses what it is told to lose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from types import TracebackType

from broker.transport.scripts import Script


class Fault(Enum):
    LOSE_REQUEST = "the connection breaks before the request arrives"
    LOSE_REPLY = "the request is carried out, and the connection breaks before the reply arrives"
    SWALLOW_REPLY = "the request is carried out, and its reply never comes"


class Proxy:
    """Listens on loopback and forwards to a Unix socket; each planned fault happens once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._planned: list[tuple[bytes, Fault]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._run(self._accept)

    def plan(self, script: Script | bytes, fault: Fault) -> None:
        """Let `fault` strike the next call of `script`, known to the server by then, or of a command of that name."""
        self._planned.append((script if isinstance(script, bytes) else script.sha, fault))

    @property
    def struck(self) -> bool:
        """Whether all that was planned has happened."""
        return not self._planned

    def cut(self) -> None:
        """Break every connection."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._path)
                self._sockets += [near, far]
                line = _Line(self, near, far)
                self._run(line.requests)
                self._run(line.replies)

    def strike(self, request: bytes) -> Fault | None:
        for number, (mark, fault) in enumerate(self._planned):
            if mark in request:
                del self._planned[number]
                return fault
        return None

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for each in self._sockets:
            each.close()


class _Line:
    """One connection, forwarded both ways."""

    def __init__(self, proxy: Proxy, near: socket.socket, far: socket.socket) -> None:
        self._proxy = proxy
        self._near = near
        self._far = far
        self._fault: Fault | None = None

    def requests(self) -> None:
        with suppress(OSError):
            while data := self._near.recv(65536):
                self._fault = self._proxy.strike(data) or self._fault
                if self._fault is Fault.LOSE_REQUEST:
                    break
                self._far.sendall(data)
        self._hang_up()

    def replies(self) -> None:
        with suppress(OSError):
            while data := self._far.recv(65536):
                if self._fault is Fault.LOSE_REPLY:
                    break
                if self._fault is not Fault.SWALLOW_REPLY:
                    self._near.sendall(data)
        self._hang_up()

    def _hang_up(self) -> None:
        for each in (self._near, self._far):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
