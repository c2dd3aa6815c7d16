"""An outage: this process alone cannot reach the Redis server for a while, as if its host were cut off.

Its open connections are closed, and new ones are refused. Which library opens them does not matter: Python's audit
hooks see every connection attempt (PEP 578).
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from redis.connection import parse_url

DEFAULT_PORT = 6379


class Outage:
    """Lasts from `begin` to `end`; meanwhile, only a thread that calls `let_pass` reaches the server."""

    def __init__(self, url: str) -> None:
        self._addresses = _addresses(url)
        self._active = False
        self._passing: int | None = None
        sys.addaudithook(self._refuse)  # it stays for as long as the process lives

    def begin(self) -> None:
        """Close all connections to the server, and refuse new ones."""
        self._active = True
        for connection in _open_sockets():
            with connection, suppress(OSError):  # not connected, or closed meanwhile
                if _normal(connection.getpeername()) in self._addresses:
                    connection.shutdown(socket.SHUT_RDWR)

    def let_pass(self) -> None:
        """Let the calling thread connect to the server."""
        self._passing = threading.get_ident()

    def end(self) -> None:
        """Let everybody connect."""
        self._active = False

    def _refuse(self, event: str, arguments: tuple[Any, ...]) -> None:
        if (
            self._active
            and event == "socket.connect"
            and _normal(arguments[1]) in self._addresses
            and threading.get_ident() != self._passing
        ):
            raise ConnectionRefusedError("this process is cut off from the server")


def _addresses(url: str) -> set[object]:
    options = parse_url(url)
    if "path" in options:
        return {options["path"]}
    found = socket.getaddrinfo(options.get("host", "localhost"), options.get("port", DEFAULT_PORT))
    return {_normal(address) for *_, address in found}


def _normal(address: object) -> object:
    return address[:2] if isinstance(address, tuple) else address  # IPv6 has four parts


def _open_sockets() -> Iterator[socket.socket]:
    """Yield a duplicate of each socket of this process."""
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # not a socket, or closed meanwhile
            yield _duplicate(int(name))


def _duplicate(descriptor: int) -> socket.socket:
    duplicate = os.dup(descriptor)
    try:
        return socket.socket(fileno=duplicate)
    except OSError:
        os.close(duplicate)
        raise
