"""The program that a process belongs to: what it needs to begin, as multiprocessing's start methods give it.

With fork a child has what its parent's modules hold; with spawn and forkserver it executes the program's file again.
The process itself and that data are one pickle, so that an object which both name is one object there, too.
"""

from __future__ import annotations

import enum
import importlib
import io
import logging
import struct
import sys
import threading
from collections import ChainMap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import BuiltinFunctionType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any, ClassVar

from broker.engine.handle import Handle
from broker.messages.pipe import PipeConnection
from jobs.exchange.logging_state import LoggerState, logger_states, reduce_handler, reset_logging
from jobs.exchange.main_module import MAIN, MainModule, definitions_of, own_modules
from jobs.exchange.pickling import SOCKET_REDUCERS, Pickler, loads
from jobs.exchange.process_state import ProcessState
from jobs.exchange.unavailable import Unavailable

FORK = "fork"
SHARED = (Handle, PipeConnection, *SOCKET_REDUCERS)
SIMPLE = (type(None), bool, int, float, str, bytes, ModuleType, BuiltinFunctionType)
DESCRIPTORS = (FunctionType, property, classmethod, staticmethod, MemberDescriptorType)


@dataclass(frozen=True)
class Program:
    """What one process needs of its parent's program; `pickled` is the process, and with fork the parent's data."""

    method: str
    main: MainModule
    state: ProcessState
    own: tuple[str, ...]
    pickled: bytes

    @classmethod
    def of(cls, process: object, method: str) -> Program:
        """Return what `process` needs if it is started now; raise what pickling it raises."""
        main = MainModule.here()
        modules = own_modules(main.folder) if method == FORK else {}
        data = list(_inherited({MAIN: sys.modules[MAIN], **modules})) if method == FORK else []
        loggers = logger_states() if method == FORK else []
        pickled = _dumps(process, data, loggers)
        return cls(method, main, ProcessState.here(method == FORK), tuple(modules), pickled)

    def enter(self) -> Any:
        """Make this process one of the program's; return the process object that it is to run."""
        self.state.restore()
        reset_logging()
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
    return _pickle((process, list(map(_sendable, data)), list(map(_sendable_part, loggers))))


def _sendable_part(state: LoggerState) -> LoggerState:
    """Return how a logger is set without the handlers and filters that cannot be pickled."""
    handlers, filters = ([part for part in parts if not _fault(part)] for parts in (state.handlers, state.filters))
    return replace(state, handlers=handlers, filters=filters)


def _sendable(variable: Variable) -> Variable:
    """Return a variable that can be pickled: with what says so when it is used in the place of what cannot."""
    if error := _fault(variable.value):
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
        _pickle(obj, probe=True)
    except Exception as error:
        return error
    return None


def _pickle(obj: object, probe: bool = False) -> bytes:
    file = io.BytesIO()
    pickler = _ProgramPickler(file)
    pickler.probe = probe
    pickler.dump(obj)
    return file.getvalue()


class _ProgramPickler(Pickler):
    # A forked child has locks of its own, in the state of its parent's; here they are free.
    dispatch_table: ClassVar[Any] = ChainMap(
        {type(make()): lambda _, make=make: (make, ()) for make in (threading.Lock, threading.RLock)},
        {struct.Struct: lambda packing: (struct.Struct, (packing.format,))},
        Pickler.dispatch_table,
    )
    probe: bool  # whether nobody will unpickle it: then no socket or pipe may wait for that

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, logging.Handler):
            return reduce_handler(obj)
        if self.probe and isinstance(obj, SHARED):
            return type(None), ()
        return super().reducer_override(obj)
