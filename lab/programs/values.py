"""What is behind multiprocessing's names of values and arrays, where they are Redis-backed."""

from __future__ import annotations

from multiprocessing.context import BaseContext
from typing import Any

from broker.values import synchronized as classes
from broker.values.shared import SharedObject, region
from lab.programs import providers
from lab.programs.primitives import RLock


def Value(  # noqa: N802 - the names are multiprocessing's
    typecode_or_type: Any,
    *args: Any,
    lock: Any = True,
    ctx: BaseContext | None = None,  # noqa: ARG001
) -> Any:
    """`multiprocessing.Value`."""
    return providers.current_context().Value(typecode_or_type, *args, lock=_lock(lock))


def Array(  # noqa: N802
    typecode_or_type: Any,
    size_or_initializer: Any,
    *,
    lock: Any = True,
    ctx: BaseContext | None = None,  # noqa: ARG001
) -> Any:
    """`multiprocessing.Array`."""
    return providers.current_context().Array(typecode_or_type, size_or_initializer, lock=_lock(lock))


def RawValue(typecode_or_type: Any, *args: Any) -> Any:  # noqa: N802
    """`multiprocessing.RawValue`."""
    return providers.current_context().RawValue(typecode_or_type, *args)


def RawArray(typecode_or_type: Any, size_or_initializer: Any) -> Any:  # noqa: N802
    """`multiprocessing.RawArray`."""
    return providers.current_context().RawArray(typecode_or_type, size_or_initializer)


def copy(obj: Any) -> Any:
    """Return a new shared object with the same contents: `multiprocessing.sharedctypes.copy`."""
    ctype = region(obj).ctype if isinstance(obj, SharedObject) else type(obj)
    copied = RawValue(ctype)
    region(copied).write(0, bytes(obj))
    return copied


def synchronized(obj: Any, lock: Any = None, ctx: BaseContext | None = None) -> Any:  # noqa: ARG001
    """Return a shared object with a lock: `multiprocessing.sharedctypes.synchronized`."""
    return classes.synchronized(obj, _lock(lock))


def _lock(lock: Any) -> Any:
    """Return an own lock, which is of the program's class for locks, unless another one or none is asked for."""
    return RLock() if lock in (True, None) else lock


FACTORIES = {each.__name__: each for each in (Value, Array, RawValue, RawArray, copy, synchronized)}
CLASSES = {
    each.__name__: each
    for each in (
        classes.SynchronizedBase,
        classes.Synchronized,
        classes.SynchronizedArray,
        classes.SynchronizedString,
    )
}
