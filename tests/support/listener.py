"""A TCP server on loopback; what it does with a connection, its subclass says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType


class Listener:
    """Listens at `url` until the end of its `with` block; `serve` gets each new connection."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"redis://{self.address}"
        self.run(self._accept)

    def serve(self, connection: socket.socket) -> None:
        raise NotImplementedError

    def run(self, target: Callable[..., None], *arguments: object) -> None:
        """Run a function in a daemon thread."""
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.serve(self._listener.accept()[0])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
