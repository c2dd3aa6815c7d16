"""Pickling for workers: functions and classes of `__main__` by value, open sockets within one host."""

from __future__ import annotations

import io
import pickle
import socket
from collections import ChainMap
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]
from multiprocessing.reduction import ForkingPickler
from typing import Any, ClassVar

import cloudpickle

from broker.errors import BrokerError

# multiprocessing's own way: the receiver fetches them from the sender, through a socket on their host.
SOCKET_REDUCERS = {kind: ForkingPickler(io.BytesIO()).dispatch_table[kind] for kind in (socket.socket, Connection)}

loads = pickle.loads


class NotTransferableError(BrokerError):
    """Raised on a worker for an argument that exists only on its parent's host."""


def dumps(obj: object) -> bytes:
    """Return `obj` pickled for another process, which needs this one's `authkey` to receive sockets in it."""
    file = io.BytesIO()
    _Pickler(file).dump(obj)
    return file.getvalue()


class PrePickled:
    """An object that is pickled already: it unpickles as that object, which this process need not know."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled

    def __reduce__(self) -> tuple[object, ...]:
        return loads, (self._pickled,)


def _reduce_socket(obj: Any) -> tuple[object, ...]:
    return _rebuild_socket, (type(obj).__name__, *SOCKET_REDUCERS[type(obj)](obj))


def _rebuild_socket(kind: str, rebuild: Callable[..., object], arguments: tuple[Any, ...]) -> object:
    try:
        return rebuild(*arguments)
    except (OSError, EOFError) as error:
        raise NotTransferableError(
            f"a {kind} cannot be transferred to another host, or after its sender has exited: run a worker on that "
            "host, or use a Queue or a Pipe of the context"
        ) from error


def _reduce_key(key: AuthenticationString) -> tuple[object, ...]:
    return AuthenticationString, (bytes(key),)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    dispatch_table: ClassVar[Any] = ChainMap(
        {AuthenticationString: _reduce_key, **dict.fromkeys(SOCKET_REDUCERS, _reduce_socket)},
        cloudpickle.Pickler.dispatch_table,
    )

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type) and "_context" in vars(obj):  # the class of a context's processes
            return getattr, (vars(obj)["_context"], "Process")
        return super().reducer_override(obj)
