"""A learner's version: its file, and the class that it defines."""

from __future__ import annotations

import builtins
import sys
from types import CodeType, ModuleType
from typing import Any

from lab.learn.actor import Actor
from lab.learn.errors import FILE_NAME, UnjudgedError


def compile_version(source: str) -> CodeType:
    """Return a learner's file compiled; raise `UnjudgedError` if it is no Python."""
    try:
        return compile(source, FILE_NAME, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UnjudgedError(f"the file is no Python{line}: {reason}") from error


def create(me: Actor, code: CodeType, class_name: str, *args: Any) -> Any:
    """Import the file in the actor's process, and return an instance of its class.

    Each process has a module of its own. There, `time` and `datetime` are those of virtual time, and what is printed
    becomes part of the run.
    """
    module = ModuleType("version")
    sys.modules[module.__name__] = module  # dataclasses looks there
    modules = me.time_modules()

    def import_(name: str, *rest: Any) -> Any:
        return modules.get(name) or builtins.__import__(name, *rest)

    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": import_, "print": me.print}
    me.call("", exec, code, vars(module))
    if not isinstance(vars(module).get(class_name), type):
        raise UnjudgedError(f"the file has no class {class_name} any more")
    return me.call("__init__", getattr(module, class_name), *args)
