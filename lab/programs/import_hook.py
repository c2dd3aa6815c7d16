"""The import hook: a program's own modules get stand-ins for multiprocessing and what is in it, libraries do not."""

from __future__ import annotations

import builtins
import multiprocessing
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

Find = Callable[[str, Any], Any]

PACKAGE = "multiprocessing"
MODULES = ("pool", "connection", "managers", "shared_memory", "sharedctypes")
STOOD_IN = {PACKAGE, *(f"{PACKAGE}.{name}" for name in MODULES)}
# Folders of modules that are nobody's program, also where a program's folder is above them.
LIBRARIES = (
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *(Path(__file__).parents[2] / package for package in ("broker", "jobs", "lab")),
)

_import = builtins.__import__


class StandIn(ModuleType):
    """A module or a context of multiprocessing's as a program sees it."""

    def __init__(self, key: str, find: Find) -> None:
        super().__init__(key)
        self._real = _real(key)
        self._find = find

    def __getattr__(self, name: str) -> Any:
        if name == "get_context":
            return self._get_context
        value = getattr(self._real, name)
        if isinstance(value, ModuleType):
            return stand_in(value, self._find)
        return self._find(name, value)

    def _get_context(self, method: str | None = None) -> StandIn:
        return StandIn(multiprocessing.get_context(method).get_start_method(), self._find)

    def __reduce__(self) -> tuple[object, ...]:
        return StandIn, (self.__name__, self._find)


def install(find: Find, folder: Path) -> None:
    """Let modules in `folder` find multiprocessing's names by `find`; takes the place of an earlier folder."""

    def import_(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names are Python's
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        module = _import(name, globals, locals, fromlist or (), level)
        if level == 0 and name.partition(".")[0] == PACKAGE and _belongs(globals or {}, folder):
            return stand_in(module, find)
        return module

    builtins.__import__ = import_


def uninstall() -> None:
    """Import as Python does."""
    builtins.__import__ = _import


def stand_in(module: ModuleType, find: Find) -> ModuleType:
    """Return the stand-in for a module; itself if it has none."""
    return StandIn(module.__name__, find) if module.__name__ in STOOD_IN else module


def _belongs(importer: Mapping[str, Any], folder: Path) -> bool:
    file = Path(importer.get("__file__") or "")
    return file.is_relative_to(folder) and not any(file.is_relative_to(library) for library in LIBRARIES)


def _real(key: str) -> Any:
    return sys.modules[key] if key.startswith(PACKAGE) else multiprocessing.get_context(key)
