"""The program's own modules: which they are, and how a process that runs elsewhere gets them.

As with multiprocessing, a process has one `__main__`. Where the start method is fork it is what the parent's is, made
of the definitions of the program's file and of the parent's data; else the file is executed as `__mp_main__`.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from jobs.exchange.definitions import Definitions, definitions

MAIN, SPAWNED = "__main__", "__mp_main__"
# Folders of modules that are no program's, also where a program's folder is above them.
LIBRARIES = (
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")),
    *(Path(__file__).parents[2] / package for package in ("broker", "jobs", "lab")),
)


@dataclass(frozen=True)
class MainModule:
    """What a process needs to know of its program's main module."""

    file: str  # empty for `python -c`, standard input and an interactive session
    package: str | None  # of `python -m package.module`
    source: str  # as the parent has it

    @classmethod
    def here(cls) -> MainModule:
        """Return this process's."""
        main = sys.modules[MAIN]
        file = getattr(main, "__file__", None) or ""
        return cls(file, getattr(main, "__package__", None), _source(file))

    @property
    def folder(self) -> str:
        """The program's folder; empty if it has none."""
        return str(Path(self.file).parent) if self.file else ""

    @property
    def root(self) -> str:
        """The folder from which its modules are imported, above its package if it is in one; empty for a library's."""
        return _root(self.file, self.package)

    def moved(self, root: str) -> MainModule:
        """Return it as it is where its root folder is at `root`."""
        return replace(self, file=str(Path(root, Path(self.file).relative_to(self.root))))

    def prepare(self, own: Mapping[str, str], again: bool) -> None:
        """Compile what a process needs, for those that are forked from this one: `own` are modules and their files."""
        if again:
            _code(self.source, self.file)
        else:
            for file, source in ((self.file, self.source), *((file, _read(file)) for file in own.values())):
                definitions(source, file)

    def drop_others(self, own: Iterable[str]) -> None:
        """Forget modules that this process has imported from elsewhere, and whose names the program's own have."""
        for name in own:
            module = sys.modules.get(name)
            if module is not None and not is_own(getattr(module, "__file__", None), self.folder):
                del sys.modules[name]

    @contextmanager
    def with_definitions(self, own: Iterable[str]) -> Iterator[None]:
        """Have a `__main__` with what the file defines; in the block the modules in `own` are imported so, too.

        The definitions are executed when somebody asks for one: what a program imports may take long.
        """
        module = ModuleType(MAIN)
        vars(module).update(__package__=self.package, __builtins__=__builtins__)
        if self.file:  # a module without one must not have the name: inspect takes it for a file
            vars(module)["__file__"] = self.file
        vars(module)["__getattr__"] = functools.partial(self._define, module)
        sys.modules[MAIN] = sys.modules[SPAWNED] = module
        finder = _OwnFinder(own)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)

    def _define(self, module: ModuleType, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {MAIN!r} has no attribute {name!r}")
        del vars(module)["__getattr__"]
        if self.source:
            linecache.cache.setdefault(self.file, _lines(self.source, self.file))
            definitions(self.source, self.file).execute(module)
        return getattr(module, name)

    def run_again(self) -> None:
        """Make `__mp_main__`, and `__main__`, by executing the file, as multiprocessing's spawn does."""
        if not self.file:
            return
        module = ModuleType(SPAWNED)
        linecache.cache.setdefault(self.file, _lines(self.source, self.file))
        vars(module).update(__file__=self.file, __package__=self.package)
        sys.modules[MAIN] = sys.modules[SPAWNED] = module
        exec(_code(self.source, self.file), vars(module))  # noqa: S102


def own_modules(folder: str) -> dict[str, ModuleType]:
    """Return the modules of the program in `folder` that were imported from a source file, but `__main__`."""
    names = _own_names(folder, len(sys.modules), next(reversed(sys.modules)))
    return {name: sys.modules[name] for name in names if name in sys.modules}


@functools.lru_cache(maxsize=1)  # until a module is imported: to look at all of them at each start takes half of it
def _own_names(folder: str, _count: int, _last: str) -> list[str]:
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in (MAIN, SPAWNED) and is_own(getattr(module, "__file__", None), folder)
    ]


def is_own(file: object, folder: str) -> bool:
    """Return whether a module's file belongs to the program in `folder`, and not to a library."""
    if not isinstance(file, str) or not folder or not file.startswith(folder) or not file.endswith(".py"):
        return False
    path = Path(file)
    return path.is_relative_to(folder) and not _is_library(path)


@functools.lru_cache(maxsize=8)  # at each start
def _root(file: str, package: str | None) -> str:
    depth = package.count(".") + 1 if package else 0
    return str(Path(file).parents[depth]) if file and not _is_library(Path(file)) else ""


def _is_library(path: Path) -> bool:
    return any(path.is_relative_to(library) for library in LIBRARIES)


def definitions_of(module: ModuleType) -> Definitions | None:
    """Return what a module's file defines; None if it has none that can be read."""
    file = getattr(module, "__file__", None)
    source = _source(file) if file else ""
    return definitions(source, file) if file and source else None


def is_defined(obj: Any) -> bool:
    """Return whether other processes of the program find a function or class of `__main__` there by its name."""
    if obj.__module__ not in (MAIN, SPAWNED):
        return False
    main = sys.modules[MAIN]
    names = obj.__qualname__.split(".")
    found: Any = main
    for name in names:
        found = getattr(found, name, None)
    known = definitions_of(main) if found is obj else None
    return known is not None and names[0] in known.defined


@functools.lru_cache(maxsize=64)
def _code(source: str, file: str) -> CodeType:
    return compile(source, file, "exec", dont_inherit=True)


@functools.lru_cache(maxsize=256)  # files: of a program that runs, which has them as it has read them
def _source(file: str) -> str:
    return _read(file)


def _read(file: str) -> str:
    try:
        return importlib.util.decode_source(Path(file).read_bytes()) if file else ""
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""


def _lines(source: str, file: str) -> tuple[int, None, list[str], str]:
    return len(source), None, source.splitlines(keepends=True), file


class _OwnFinder(importlib.abc.MetaPathFinder):
    """Finds those of the program's modules that its parent had imported, to execute their definitions only."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if fullname in self._names else None
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _DefinitionsLoader(spec.loader.name, spec.loader.path)
        return spec


class _DefinitionsLoader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        definitions(_read(self.path), self.path).execute(module)
