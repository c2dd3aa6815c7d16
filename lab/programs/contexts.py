"""A program's contexts: multiprocessing's own, but what they create comes from the program's backend."""

from __future__ import annotations

import copy
import functools
import inspect
import multiprocessing
from collections.abc import Callable, Iterable
from multiprocessing import context
from multiprocessing.context import BaseContext
from typing import Any

from lab.programs import import_hook, providers

FACTORIES = (
    *("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"),
    *("SimpleQueue", "Queue", "JoinableQueue", "Pipe", "Value", "Array", "RawValue", "RawArray", "Manager", "Process"),
)


class ProgramContext(BaseContext):
    """Mixin for the concrete contexts of multiprocessing; a program may subclass them."""

    _name: str

    def get_context(self, method: str | None = None) -> Any:
        """Return this context, or another one with this start method."""
        return self if method is None else get_context(method)

    def Pool(  # noqa: N802
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
    ) -> Any:
        """Return a pool of processes of this context."""
        pool = providers.resolve("Pool", multiprocessing.Pool)
        return pool(processes, initializer, initargs, maxtasksperchild, context=self)


class _Provided:
    """What a context has under one of multiprocessing's names, unless the program gives it something else."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, owner: ProgramContext | None, _: type[ProgramContext]) -> Any:
        if owner is None:
            return self
        original = getattr(multiprocessing.get_context(owner._name), self._name)
        return providers.resolve(self._name, original, owner._name)


@functools.lru_cache
def context_class(original: Any) -> type[BaseContext]:
    """Return what a program gets instead of a class of multiprocessing's contexts."""
    members = {name: _Provided(name) for name in FACTORIES}
    return type(original.__name__, (ProgramContext, original), {"__module__": __name__, **members})


def __getattr__(name: str) -> type[BaseContext]:
    # A context is unpickled by the name of its class.
    original = getattr(context, name, None)
    if not _is_concrete(original):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return context_class(original)


def get_context(method: str | None = None) -> BaseContext:
    """Return what a program gets from multiprocessing's function of this name."""
    original: Any = type(multiprocessing.get_context(method))
    return context_class(original)()


def own_process(given: BaseContext | None) -> Any:
    """Return the class that the program has set as a context's `Process`; None if it has set none."""
    if not isinstance(given, ProgramContext):
        return None
    process = vars(given).get("Process") or inspect.getattr_static(type(given), "Process")
    return None if isinstance(process, _Provided) else process


def unreplaced(given: BaseContext | None) -> BaseContext | None:
    """Return multiprocessing's context instead of a program's; its processes are of the program's class, if it has one.

    What works within one machine needs multiprocessing's own primitives inside.
    """
    if not isinstance(given, ProgramContext):
        return given
    original = copy.copy(multiprocessing.get_context(given._name))
    if process := own_process(given):
        vars(original)["Process"] = process
    return original


def resolve(name: str, original: Any) -> Any:
    """Return what the program gets instead of `original`, which multiprocessing calls `name`."""
    if not providers.replaces():
        return original
    if name == "get_context":
        return get_context
    return context_class(original) if _is_concrete(original) else providers.resolve(name, original)


def install(provider: providers.LocalProvider) -> None:
    """Make the program's modules import multiprocessing's names from `provider`, in this process and its children."""
    providers.install(provider)
    import_hook.install(resolve, provider.config.folder)


def _is_concrete(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseContext) and hasattr(value, "_name")
