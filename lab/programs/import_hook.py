"""The import hook: a program's own modules get proxies of the modules that start processes, libraries the modules."""

from __future__ import annotations

import builtins
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import parent_process
from pathlib import Path
from types import ModuleType
from typing import Any

from lab.language import N_, translate
from lab.programs.warning import warn_once

Resolve = Callable[[str, Any], Any]  # from a name and the module's object to what the program gets

PROXIED = {
    *("multiprocessing", "multiprocessing.connection", "multiprocessing.context", "multiprocessing.managers"),
    *("multiprocessing.pool", "multiprocessing.process", "multiprocessing.queues", "multiprocessing.shared_memory"),
    *("multiprocessing.sharedctypes", "multiprocessing.synchronize"),
    *("concurrent", "concurrent.futures", "concurrent.futures.process"),
}
# Modules in these folders are never the program's own, even if they are below the program's folder.
LIBRARY_FOLDERS = (
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *(Path(__file__).parents[2] / package for package in ("broker", "jobs", "lab")),
)

_import = builtins.__import__


class ModuleProxy(ModuleType):
    """A module as a program sees it."""

    def __init__(self, name: str, resolve: Resolve) -> None:
        super().__init__(name)
        self._original = sys.modules[name]
        self._resolve = resolve

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._original, name)
        if isinstance(value, ModuleType):
            return proxy_of(value, self._resolve) if _package(value.__name__) == _package(self.__name__) else value
        return self._resolve(name, value)

    def __reduce__(self) -> tuple[object, ...]:
        return ModuleProxy, (self.__name__, self._resolve)


def install(resolve: Resolve, folder: Path) -> None:
    """Make modules in `folder` get the names of proxied modules from `resolve`; replaces an earlier installation."""
    imported_before = {path.stem for path in folder.glob("*.py")} & set(sys.modules)

    def import_(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the names are Python's
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        module = _import(name, globals, locals, fromlist or (), level)
        importer = (globals or {}).get("__file__") or ""
        if level == 0 and name in imported_before and is_program_file(importer, folder):
            _warn_if_other(name, folder)
        if level == 0 and _package(name) in PROXIED and is_program_file(importer, folder):
            return proxy_of(module, resolve)
        return module

    builtins.__import__ = import_


def _warn_if_other(name: str, folder: Path) -> None:
    """Print a warning if a module is not the one that the program has beside it, which Python would have imported."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file and not Path(file).is_relative_to(folder) and parent_process() is None:
        warning = N_("{name}.py beside the program is not imported, since the lab has imported {file}; rename yours")
        warn_once(translate(warning).format(name=name, file=file))


def uninstall() -> None:
    """Restore Python's own import."""
    builtins.__import__ = _import


def proxy_of(module: ModuleType, resolve: Resolve) -> ModuleType:
    """Return the proxy of a module; the module itself if it needs none."""
    return ModuleProxy(module.__name__, resolve) if module.__name__ in PROXIED else module


def is_program_file(file: str, folder: Path) -> bool:
    """Return whether a file belongs to the program in `folder`, and not to a library below it."""
    path = Path(file)
    return path.is_relative_to(folder) and not any(path.is_relative_to(library) for library in LIBRARY_FOLDERS)


def _package(module: str) -> str:
    return module.partition(".")[0]
