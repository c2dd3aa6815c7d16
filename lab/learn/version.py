"""A learner's version: its file, and the class that it defines."""

from __future__ import annotations

import builtins
import sys
from gettext import gettext as _
from types import CodeType, ModuleType
from typing import Any

from lab.learn.actor import Actor
from lab.learn.errors import FILE_NAME, UnjudgedError


def compile_version(source: str) -> CodeType:
    """Return a learner's file compiled; raise `UnjudgedError` if it is no Python."""
    try:
        return compile(source, FILE_NAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        sentence = _("the file is no Python in line {line}: {reason}")
        raise UnjudgedError(sentence.format(line=error.lineno, reason=error.msg)) from error
    except ValueError as error:
        raise UnjudgedError(_("the file is no Python: {reason}").format(reason=error)) from error


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
        raise UnjudgedError(_("the file has no class {name} any more").format(name=class_name))
    return me.call("__init__", getattr(module, class_name), *args)
