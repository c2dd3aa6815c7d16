"""An extractor for Babel: also yields the docstrings that the `lab` command shows.

These are the docstrings of commands and, with the option `module`, that of the module.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import Any, BinaryIO

from babel.messages.extract import extract_python

DECORATORS = ("command", "group")


def extract(
    file: BinaryIO, keywords: Mapping[str, Any], comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[tuple[int, str, Any, list[str]]]:
    """Yield line number, function, message and comments of each message."""
    yield from extract_python(file, keywords, comment_tags, dict(options))
    file.seek(0)
    tree = ast.parse(file.read())
    commands = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _is_command(node)]
    for node in [*([tree] if options.get("module") else []), *commands]:
        if docstring := ast.get_docstring(node, clean=False):
            yield node.body[0].lineno, "", inspect.cleandoc(docstring), []


def _is_command(function: ast.FunctionDef) -> bool:
    calls = [decorator.func for decorator in function.decorator_list if isinstance(decorator, ast.Call)]
    names = [call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls]
    return any(name in DECORATORS for name in names)
