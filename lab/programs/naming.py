"""The name of a primitive in a report: the variable that the program assigns it to, and the line of the call."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import sys
from collections.abc import Iterator
from multiprocessing import current_process
from pathlib import Path
from types import FrameType

from lab.programs.import_hook import is_program_file

MAIN = "MainProcess"  # multiprocessing's name for it

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
CONTAINERS = (  # a primitive in one of them is called like the container
    *(ast.Tuple, ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp),
    *(ast.GeneratorExp, ast.IfExp, ast.BoolOp, ast.Starred),
)
CONSTRUCTORS = ("list", "tuple", "set", "dict")  # of containers

_counters: dict[str, Iterator[int]] = {}


def name_primitive(factory: str, folder: Path) -> str:
    """Return the name of the primitive that the program in `folder` is creating: `rooms (ktv.py:12)`.

    If several are created at the same place, they are numbered. A process other than the main one is named, too.
    """
    frame, direct = _program_frame(sys._getframe(1), folder)
    if frame is None:
        return _numbered(factory, "", numbered=False)
    file, line = frame.f_code.co_filename, frame.f_lineno
    call = _find_call(frame, factory) if direct else None
    parents = _parents(file)
    ancestors = [] if call is None else list(_ancestors(call, parents))
    target = None if call is None else _target(call, ancestors)
    place = f" ({Path(file).relative_to(folder)}:{line})"
    return _numbered(target or factory, place, numbered=any(isinstance(node, LOOPS) for node in ancestors))


def _numbered(variable: str, place: str, numbered: bool) -> str:
    if current_process().name != MAIN:
        place += f" of {current_process().name}"
    number = next(_counters.setdefault(variable + place, itertools.count(1)))
    return f"{variable} #{number}{place}" if numbered or number > 1 else variable + place


def _program_frame(frame: FrameType | None, folder: Path) -> tuple[FrameType | None, bool]:
    """Return the innermost frame of the program, and whether it made the call itself."""
    outside = 0
    while frame is not None and not is_program_file(frame.f_code.co_filename, folder):
        frame, outside = frame.f_back, outside + 1
    return frame, outside == 1  # the lab's own frame lies between


@functools.cache
def _parents(file: str) -> dict[ast.AST, ast.AST]:
    """Return the parent of each node of a source file; nothing if the source is not here."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return {}
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _ancestors(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes around a node, inside the function that contains it."""
    while node in parents and not isinstance(parents[node], FUNCTIONS):
        node = parents[node]
        yield node


def _find_call(frame: FrameType, factory: str) -> ast.Call | None:
    """Return the call that a frame is making; before Python 3.11, only if there is no other such call on the line."""
    calls = [node for node in _parents(frame.f_code.co_filename) if isinstance(node, ast.Call)]
    if sys.version_info >= (3, 11):
        line, end_line, column, end_column = next(
            itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None)
        )
        position = (line, column, end_line, end_column)
        found = [
            call for call in calls if position == (call.lineno, call.col_offset, call.end_lineno, call.end_col_offset)
        ]
    else:
        found = [call for call in calls if call.lineno == frame.f_lineno and ast.unparse(call.func).endswith(factory)]
    return found[0] if len(found) == 1 else None


def _target(node: ast.AST, ancestors: list[ast.AST]) -> str | None:
    """Return the variable that a value is assigned to, by itself or in a container."""
    for parent in ancestors:
        if isinstance(parent, ast.Assign):
            return _text(_matching(parent.targets[0], parent.value, node))
        if isinstance(parent, (ast.AnnAssign, ast.NamedExpr)):
            return _text(parent.target)
        constructs = isinstance(parent, ast.Call) and ast.unparse(parent.func) in CONSTRUCTORS
        if not constructs and not isinstance(parent, CONTAINERS):
            return None
    return None


def _matching(target: ast.expr, value: ast.expr, node: ast.AST) -> ast.expr:
    """Return the part of a tuple that `node` is assigned to: `b` in `a, b = Lock(), Lock()`."""
    if (
        isinstance(target, ast.Tuple)
        and isinstance(value, (ast.Tuple, ast.List))
        and len(target.elts) == len(value.elts)
    ):
        return next((t for t, v in zip(target.elts, value.elts, strict=True) if node in ast.walk(v)), target)
    return target


def _text(target: ast.expr) -> str:
    if isinstance(target, ast.Subscript):
        return _text(target.value)
    if isinstance(target, (ast.Tuple, ast.List)):
        return ", ".join(map(_text, target.elts))
    return ast.unparse(target)
