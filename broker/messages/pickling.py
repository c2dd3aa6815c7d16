"""How messages are pickled. As with multiprocessing, sockets and its own pipes can be handed over within one host."""

from __future__ import annotations

import copyreg
import io
import pickle
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

from broker.errors import BrokerError


class NotTransferableError(BrokerError):
    """Raised where something is received that exists only on its sender's host, or only as long as its sender."""


def dumps(obj: object) -> bytes:
    """Return `obj` pickled for another process, which needs this one's `authkey` to receive sockets in it."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    pickler.dispatch_table = {**copyreg.dispatch_table, **SOCKET_REDUCERS}
    pickler.dump(obj)
    return file.getvalue()


def _reduce_socket(obj: Any) -> tuple[Any, ...]:
    return _rebuild_socket, (type(obj).__name__, *_OF_MULTIPROCESSING[type(obj)](obj))


def _rebuild_socket(kind: str, rebuild: Callable[..., object], arguments: tuple[Any, ...]) -> object:
    try:
        return rebuild(*arguments)
    except (OSError, EOFError) as error:
        raise NotTransferableError(
            f"a {kind} cannot be transferred to another host, or after its sender has exited: run the receiver on "
            "that host, or use a Queue or a Pipe of the context"
        ) from error


# multiprocessing's own way: the receiver fetches them from the sender, through a socket on their host.
_OF_MULTIPROCESSING = {kind: ForkingPickler(io.BytesIO()).dispatch_table[kind] for kind in (socket.socket, Connection)}
SOCKET_REDUCERS: dict[type, Callable[[Any], tuple[Any, ...]]] = dict.fromkeys(_OF_MULTIPROCESSING, _reduce_socket)
