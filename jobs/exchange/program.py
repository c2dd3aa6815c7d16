"""The program that a process belongs to: what it needs to begin, as multiprocessing's start methods give it.

With fork a child has what its parent's modules hold; with spawn and forkserver it executes the program's file again.
The process itself and that data are one pickle, so that an object which both name is one object there, too.
"""

from __future__ import annotations

import ctypes
import enum
import importlib
import io
import logging
import pickle
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, ModuleType
from typing import IO, Any, ClassVar, NoReturn

from broker.messages.pickling import SOCKET_REDUCERS
from broker.messages.pipe import PipeConnection
from jobs.exchange.logging_state import LoggerState, logger_states, reduce_handler
from jobs.exchange.main_module import MAIN, MainModule, definitions_of, own_modules
from jobs.exchange.pickling import Pickler, loads
from jobs.exchange.process_state import ProcessState, moved_path
from jobs.exchange.unavailable import Unavailable

FORK = "fork"
AWAITED = (PipeConnection, *SOCKET_REDUCERS)  # their pickles wait to be unpickled, each once
SIMPLE = (type(None), bool, int, float, str, bytes, ModuleType, BuiltinFunctionType)


class _Structure(ctypes.Structure):  # for the type of its field's descriptor, which ctypes has no name for
    _fields_ = (("field", ctypes.c_int),)


# What a class has from its definition, also in another process.
DESCRIPTORS = (FunctionType, property, classmethod, staticmethod, MemberDescriptorType, type(_Structure.field))


@dataclass(frozen=True)
class Program:
    """What one process needs of its parent's program; `pickled` is the process, and with fork the parent's data."""

    method: str
    main: MainModule
    state: ProcessState
    own: dict[str, str]  # its own modules that the parent has imported, and their files
    pickled: bytes

    @classmethod
    def of(cls, process: object, method: str) -> Program:
        """Return what `process` needs if it is started now; raise what pickling it raises."""
        main = MainModule.here()
        modules = own_modules(main.folder)
        data = list(_inherited({MAIN: sys.modules[MAIN], **modules})) if method == FORK else []
        loggers = logger_states() if method == FORK else []
        pickled = _dumps(process, data, loggers)
        own = {name: str(module.__file__) for name, module in modules.items()}
        return cls(method, main, ProcessState.here(method == FORK), own, pickled)

    @property
    def files(self) -> list[str]:
        """The files of its modules, as far as this process has imported them."""
        return [self.main.file, *self.own.values()] if self.main.root else []

    def prepare(self) -> None:
        """Do what is the same for all processes of a program, in the process from which they are forked."""
        _ = self.state.changes, self.main.root
        self.main.prepare(self.own, again=self.method != FORK)

    def moved(self, root: str) -> Program:
        """Return it as it is where its root folder is at `root`."""
        if root == self.main.root:
            return self
        own = {name: moved_path(file, self.main.root, root) for name, file in self.own.items()}
        return replace(self, main=self.main.moved(root), state=self.state.moved(self.main.root, root), own=own)

    def enter(self) -> Any:
        """Make this process one of the program's; return the process object that it is to run."""
        self.state.restore()
        self.main.drop_others(self.own)
        if self.method == FORK:
            with self.main.with_definitions(self.own):
                process, data, loggers = loads(self.pickled)
                for state in (*data, *loggers):
                    state.restore()
        else:
            self.main.run_again()
            process, _, _ = loads(self.pickled)
        return process


class Variable:
    """A variable of a module, or an attribute of one of its classes or functions."""

    def __init__(self, module: str, owner: str, name: str, value: object) -> None:
        self.module, self.owner, self.name, self.value = module, owner, name, value

    @property
    def key(self) -> tuple[str, str, str]:
        """Which variable it is, of all in this process."""
        return self.module, self.owner, self.name

    def restore(self) -> None:
        """Give it its value in this process."""
        target: Any = importlib.import_module(self.module)
        for name in filter(None, self.owner.split(".")):
            target = getattr(target, name)
        with suppress(AttributeError, TypeError):  # one that its class computes
            setattr(target, self.name, self.value)

    def describe(self) -> str:
        """Return what it is called, and where it gets its value."""
        module = sys.modules[self.module]
        known = definitions_of(module)
        line = known.lines.get(self.name) if known and not self.owner else None
        name = f"{self.owner}.{self.name}" if self.owner else self.name
        return f"{name} ({module.__file__}, line {line})" if line else name


def _inherited(modules: dict[str, ModuleType]) -> Iterator[Variable]:
    for module_name, module in modules.items():
        known = definitions_of(module)
        bound = known.defined | known.imported if known else frozenset()
        for name, value in list(vars(module).items()):
            if name.startswith("__") or (name in bound and _comes_with_definitions(value)):
                continue
            yield Variable(module_name, "", name, value)
        for name in known.defined if known else ():
            yield from _attributes(module_name, name, vars(module).get(name))


_unsendable: set[tuple[str, str, str]] = set()  # variables that could not be pickled when a process was started


def _comes_with_definitions(value: object) -> bool:
    return isinstance(value, (ModuleType, BuiltinFunctionType)) or callable(value)


def _attributes(module: str, owner: str, value: object) -> Iterator[Variable]:
    if isinstance(value, FunctionType):
        attributes = vars(value)
    elif isinstance(value, type) and not isinstance(value, enum.EnumMeta) and value.__module__ == module:
        attributes = dict(vars(value))
    else:
        return
    for name, attribute in attributes.items():
        if isinstance(attribute, type):
            yield from _attributes(module, f"{owner}.{name}", attribute)
        elif not name.startswith(("__", "_abc_")) and not isinstance(attribute, DESCRIPTORS):
            yield Variable(module, owner, name, attribute)


def _dumps(process: object, data: list[Variable], loggers: list[LoggerState]) -> bytes:
    data = [_sendable(variable) if variable.key in _unsendable else variable for variable in data]
    try:
        return _pickle((process, data, loggers), _refuse)
    except Exception:  # there is something that cannot be pickled, or only once: look at each
        return _pickle((process, list(map(_sendable, data)), list(map(_sendable_part, loggers))))


def _sendable_part(state: LoggerState) -> LoggerState:
    """Return how a logger is set without the handlers and filters that cannot be pickled."""
    handlers, filters = ([part for part in parts if not _fault(part)] for parts in (state.handlers, state.filters))
    return replace(state, handlers=handlers, filters=filters)


def _sendable(variable: Variable) -> Variable:
    """Return a variable that can be pickled: with what says so when it is used in the place of what cannot."""
    if error := _fault(variable.value):
        _unsendable.add(variable.key)
        kind = f"{type(variable.value).__module__}.{type(variable.value).__qualname__}".removeprefix("builtins.")
        refusal = (
            f"{variable.describe()} is a {kind}, which cannot be sent to another process ({error}): make it in the "
            "process that uses it, or pass on what it is made from"
        )
        return Variable(variable.module, variable.owner, variable.name, Unavailable(refusal))
    return variable


def _fault(obj: object) -> Exception | None:
    """Return why an object cannot be pickled; None if it can."""
    if isinstance(obj, SIMPLE):
        return None
    try:
        _pickle(obj, _leave_out)
    except Exception as error:
        return error
    return None


def _pickle(obj: object, reduce_awaited: Callable[[Any], Any] | None = None) -> bytes:
    file = io.BytesIO()
    _ProgramPickler(file, reduce_awaited).dump(obj)
    return file.getvalue()


def _leave_out(_: object) -> tuple[object, ...]:
    return type(None), ()


def _refuse(obj: object) -> NoReturn:
    raise pickle.PicklingError(f"{obj!r} can be pickled once")


class _ProgramPickler(Pickler):
    # A forked child has locks of its own, in the state of its parent's; here they are free.
    reducers: ClassVar[Any] = {
        **Pickler.reducers,
        **{type(make()): lambda _, make=make: (make, ()) for make in (threading.Lock, threading.RLock)},
        struct.Struct: lambda packing: (struct.Struct, (packing.format,)),
    }

    def __init__(self, file: IO[bytes], reduce_awaited: Callable[[Any], Any] | None) -> None:
        super().__init__(file)
        self._reduce_awaited = reduce_awaited

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, logging.Handler):
            return reduce_handler(obj)
        if self._reduce_awaited and isinstance(obj, AWAITED) and not _is_closed(obj):
            return self._reduce_awaited(obj)
        return super().reducer_override(obj)


def _is_closed(awaited: Any) -> bool:
    return bool(getattr(awaited, "closed", getattr(awaited, "_closed", False)))
