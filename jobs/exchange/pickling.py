"""What travels to a worker: functions and classes of `__main__` by value, open sockets within one host."""

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

# How multiprocessing hands them over: the receiver fetches them from the sender, through a socket on their host.
OPEN = {kind: ForkingPickler(io.BytesIO()).dispatch_table[kind] for kind in (socket.socket, Connection)}

loads = pickle.loads


class CannotTravelError(BrokerError):
    """Raised on a worker for an argument that exists on its parent's host only."""


def dumps(obj: object) -> bytes:
    """Return `obj` as bytes for another process; one that is to open its sockets needs this one's `authkey`."""
    file = io.BytesIO()
    _Pickler(file).dump(obj)
    return file.getvalue()


class Pickled:
    """An object that this process need not be able to unpickle: whoever unpickles this gets the object."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled

    def __reduce__(self) -> tuple[object, ...]:
        return loads, (self._pickled,)


def _reduce_open(obj: Any) -> tuple[object, ...]:
    return _open, (type(obj).__name__, *OPEN[type(obj)](obj))


def _open(kind: str, rebuild: Callable[..., object], arguments: tuple[Any, ...]) -> object:
    try:
        return rebuild(*arguments)
    except (OSError, EOFError) as error:
        raise CannotTravelError(
            f"a {kind} cannot travel to another host, nor outlive its sender: run a worker on that host, or send "
            "what it has to say through a Queue or a Pipe of the context"
        ) from error


def _reduce_key(key: AuthenticationString) -> tuple[object, ...]:
    return AuthenticationString, (bytes(key),)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    dispatch_table: ClassVar[Any] = ChainMap(
        {AuthenticationString: _reduce_key, **dict.fromkeys(OPEN, _reduce_open)}, cloudpickle.Pickler.dispatch_table
    )

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type) and "_context" in vars(obj):  # the class of a context's processes
            return getattr, (vars(obj)["_context"], "Process")
        return super().reducer_override(obj)
