"""What travels between the processes of a program: what its modules define by name, the rest by value.

A function or class that another process of the program finds in the same module is a name there. Others (a lambda, a
nested function) go by value, but with the globals of their module in that process.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Callable
from multiprocessing.process import AuthenticationString  # type: ignore[attr-defined]
from types import FunctionType, MethodType
from typing import IO, Any, ClassVar

import cloudpickle

from broker.messages.pickling import SOCKET_REDUCERS
from jobs.exchange import shared_memory
from jobs.exchange.main_module import is_defined

loads = pickle.loads


def dumps(obj: object) -> bytes:
    """Return `obj` pickled for another process, which needs this one's `authkey` to receive sockets in it."""
    file = io.BytesIO()
    Pickler(file).dump(obj)
    return file.getvalue()


class PrePickled:
    """An object that is pickled already: it unpickles as that object, which this process need not know."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled

    def __reduce__(self) -> tuple[object, ...]:
        return loads, (self._pickled,)


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle's, in whose pickles all functions of a module share the globals of that module."""

    reducers: ClassVar[dict[type, Callable[[Any], Any]]]

    def __init__(self, file: IO[bytes]) -> None:
        self.dispatch_table = {**copyreg.dispatch_table, **self.reducers}  # a dict: it is searched for each object
        super().__init__(file)

    def reducer_override(self, obj: Any) -> Any:
        """Return how an object is reduced; `NotImplemented` leaves it to pickle."""
        if isinstance(obj, type) and "_context" in vars(obj):  # the class of a context's processes
            return getattr, (vars(obj)["_context"], "Process")
        if isinstance(obj, (FunctionType, type)) and is_defined(obj):
            return NotImplemented
        if isinstance(obj, MethodType) and _is_method_of_its_class(obj):
            return getattr, (obj.__self__, obj.__name__)
        return super().reducer_override(obj)

    def _dynamic_function_reduce(self, func: FunctionType) -> Any:
        make, (code, _, *rest), (state, slots), *more = super()._dynamic_function_reduce(func)
        name = str(func.__globals__.get("__name__"))
        module = sys.modules.get(name)
        if module is None or vars(module) is not func.__globals__:
            return make, (code, _, *rest), (state, slots), *more
        return make, (code, ModuleGlobals(name), *rest), (state, slots | {"__globals__": {}}), *more


class ModuleGlobals:
    """The globals of a module, in whichever process this is unpickled."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[object, ...]:
        return _globals_of, (self._name,)


def _globals_of(name: str) -> dict[str, Any]:
    __import__(name)
    module = sys.modules[name]
    getattr(module, "_", None)  # a `__main__` that is not complete yet becomes so
    return vars(module)


def _is_method_of_its_class(method: MethodType) -> bool:
    """Return whether its object has it by its name, so that its code need not be sent."""
    owner = method.__self__ if isinstance(method.__self__, type) else type(method.__self__)
    found = getattr(owner, method.__name__, None)
    return getattr(found, "__func__", found) is method.__func__


def _reduce_key(key: AuthenticationString) -> tuple[object, ...]:
    return AuthenticationString, (bytes(key),)


Pickler.reducers = {
    **cloudpickle.Pickler.dispatch_table,
    **SOCKET_REDUCERS,
    AuthenticationString: _reduce_key,
    **shared_memory.REDUCERS,
}
