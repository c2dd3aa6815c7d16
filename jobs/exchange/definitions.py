"""Runs what a module defines, and nothing that it does.

A forked child has its parent's functions and classes without running the program again. Here a module's imports,
functions and classes are executed from its source, with what is registered at its classes. Of its assignments, only
those are that a definition needs (a default, a base class, a decorator). What else the parent's module holds is data,
and comes from the parent.
"""

from __future__ import annotations
import __future__

import ast
import functools
import operator
from types import CodeType, ModuleType
from typing import Any, NamedTuple

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


class Statement(NamedTuple):
    """A statement of a module, and the names that it binds."""

    code: CodeType
    binds: frozenset[str]
    defines: bool  # else it is an assignment


class Definitions:
    """What a module defines, from its source."""

    def __init__(self, source: str, file: str) -> None:
        tree = ast.parse(source, file)
        flags = _future_flags(tree)
        self.lines = {name: node.lineno for node in tree.body for name in _bound(node)}  # where each is bound last
        self.defined: frozenset[str] = frozenset()  # functions and classes
        self.imported: frozenset[str] = frozenset()
        self._statements: list[Statement] = []
        for node in tree.body:
            self._take(node, file, flags)

    def _take(self, node: ast.stmt, file: str, flags: int) -> None:
        is_definition = _is_definition(node) or self._registers(node)
        if is_definition:
            self.defined |= frozenset(_bound(node, DEFINITIONS))
            self.imported |= frozenset(_bound(node, IMPORTS))
        elif not isinstance(node, ASSIGNMENTS):
            return
        code = compile(ast.Module([node], []), file, "exec", flags, dont_inherit=True)
        self._statements.append(Statement(code, frozenset(_bound(node)), is_definition))

    def _registers(self, node: ast.stmt) -> bool:
        """Return whether this calls `register` of a class that was defined before, as of a manager."""
        function = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
            return False
        return function.attr == "register" and function.value.id in self.defined

    def execute(self, module: ModuleType) -> None:
        """Execute the definitions in `module`, and assignments as they are needed, also by who imports from it."""
        namespace = vars(module)
        namespace["__getattr__"] = functools.partial(self._provide, namespace)
        for position, statement in enumerate(self._statements):
            if statement.defines:
                self._run(statement.code, position, namespace)

    def _run(self, code: CodeType, position: int, namespace: dict[str, Any]) -> None:
        while True:
            try:
                exec(code, namespace)  # noqa: S102 - it is the program that was asked for
            except NameError as error:
                name = error.name or ""
                if name in namespace or not self._assign(name, position, namespace):
                    raise
            else:
                return

    def _assign(self, name: str, before: int, namespace: dict[str, Any]) -> bool:
        """Execute the assignments to a name that come before a statement; return whether there are any."""
        for position, statement in enumerate(self._statements[:before]):
            if name in statement.binds and not statement.defines:
                self._run(statement.code, position, namespace)
        return name in namespace

    def _provide(self, namespace: dict[str, Any], name: str) -> Any:
        if not name.startswith("__") and self._assign(name, len(self._statements), namespace):
            return namespace[name]
        raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")


@functools.lru_cache(maxsize=256)  # modules
def definitions(source: str, file: str) -> Definitions:
    """Return what a module of this source defines; raise `SyntaxError`."""
    return Definitions(source, file)


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, (*DEFINITIONS, *IMPORTS)):
        return True
    if isinstance(node, ast.If):
        return not _asks_for_name(node.test) and all(map(_may_be_repeated, (*node.body, *node.orelse)))
    if isinstance(node, ast.Try):
        parts = (
            *node.body,
            *node.orelse,
            *node.finalbody,
            *(each for handler in node.handlers for each in handler.body),
        )
        return all(map(_may_be_repeated, parts)) and any(map(_is_definition, parts))
    return False


def _may_be_repeated(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Pass, ast.Raise, ast.Assign, ast.AnnAssign)) or _is_definition(node)


def _asks_for_name(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def _bound(node: ast.stmt, kinds: tuple[type[ast.stmt], ...] = ()) -> list[str]:
    """Return the names that a statement binds in its module, by statements of these kinds only."""
    if isinstance(node, DEFINITIONS):
        return [node.name] if not kinds or isinstance(node, kinds) else []
    if isinstance(node, IMPORTS):
        names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        return names if not kinds or isinstance(node, kinds) else []
    names = [] if kinds else [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and _stores(each)]
    for child in ast.iter_child_nodes(node):
        for inner in (child, *getattr(child, "body", ())) if isinstance(child, ast.ExceptHandler) else (child,):
            if isinstance(inner, ast.stmt):
                names += _bound(inner, kinds)
    return names


def _stores(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _future_flags(tree: ast.Module) -> int:
    imports = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__")
    names = {alias.name for node in imports for alias in node.names}
    return functools.reduce(operator.or_, (getattr(__future__, name).compiler_flag for name in names), 0)
