"""Primitives have the name of the variable that a program assigns them to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.programs import naming
from lab.programs.naming import name_primitive


class Lock:
    pass


@pytest.fixture(autouse=True)
def new_counters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(naming, "_counters", {})


def names(tmp_path: Path, source: str) -> list[str]:
    """Return the names of the locks that a program creates."""
    file = tmp_path / "ktv.py"
    file.write_text(source)
    found: list[str] = []

    def create(*_: Any, **__: Any) -> Lock:
        found.append(name_primitive("Lock", tmp_path))
        return Lock()

    exec(compile(source, str(file), "exec", dont_inherit=True), {"Lock": create, "__name__": "builtins"})
    return [name.removesuffix(")").replace(" (ktv.py:", " ") for name in found]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("rooms = Lock()", ["rooms 1"]),
        ("\nrooms: object = Lock()", ["rooms 2"]),
        ("rooms = Lock(\n)", ["rooms 1"]),
        ("if (rooms := Lock()): pass", ["rooms 1"]),
        ("class Bar:\n  rooms = Lock()", ["rooms 2"]),
        ("class Bar:\n  def __init__(self):\n    self.rooms = Lock()\nBar()", ["self.rooms 3"]),
        ("a, b = Lock(), Lock()", ["a 1", "b 1"]),
        ("ours, theirs = Lock() and (1, 2)", ["ours, theirs 1"]),
        ("forks = [Lock() for _ in range(2)]", ["forks #1 1", "forks #2 1"]),
        ("forks = list(Lock() for _ in range(2))", ["forks #1 1", "forks #2 1"]),
        ("forks = {}\nfor i in range(2):\n  forks[i] = Lock()", ["forks #1 3", "forks #2 3"]),
        ("def make():\n  rooms = Lock()\nmake(); make()", ["rooms 2", "rooms #2 2"]),
        ("both = {'a': Lock(),\n 'b': Lock()}", ["both 1", "both 2"]),
        ("id(Lock())", ["Lock 1"]),
        ("def make():\n  return Lock()\nrooms = make()", ["Lock 2"]),
        ("Lock()", ["Lock 1"]),
        ("exec('Lock()')", ["Lock 1"]),
        (
            "from dataclasses import dataclass, field\n@dataclass\nclass Bar:\n"
            "  rooms: object = field(default_factory=Lock)\nbar = Bar()",
            ["Lock 5"],
        ),
    ],
)
def test_name(tmp_path: Path, source: str, expected: list[str]):
    assert names(tmp_path, source) == expected


def test_without_source_the_name_is_that_of_the_factory(tmp_path: Path):
    found: list[str] = []
    code = compile("rooms = make()", str(tmp_path / "missing.py"), "exec")
    exec(code, {"make": lambda: found.append(name_primitive("Lock", tmp_path))})
    assert found == ["Lock (missing.py:1)"]
