"""Of a module's source its definitions are executed, and of its assignments what they need."""

from __future__ import annotations

import textwrap
from types import ModuleType
from typing import Any

import pytest

from jobs.exchange.definitions import Definitions


def module(source: str, **data: Any) -> ModuleType:
    made = ModuleType("program")
    vars(made).update(data)
    Definitions(textwrap.dedent(source), "program.py").execute(made)
    return made


def test_functions_classes_and_imports_are_there() -> None:
    made = module("""
        import math
        from os import path as places
        async def wait(): pass
        def floor(number): return math.floor(number)
        class Shop: pass
    """)
    assert made.floor(2.5) == 2
    assert {"math", "places", "wait", "Shop"} <= set(vars(made))


def test_nothing_else_is_executed() -> None:
    done: list[str] = []
    module(
        """
        done.append("call")
        value = done.append("assignment")
        for _ in "x": done.append("loop")
        with open(done.append("with")) as file: pass
        if __name__ == "program": done.append("guard")
        if done is not None: done.append("condition")
        def work(): done.append("body")
        """,
        done=done,
    )
    assert done == []


@pytest.mark.parametrize(
    "definition",
    [
        "def work(size=SIZE): return size",
        "class Work:\n    size = SIZE\ndef work(): return Work.size",
        "def given(size):\n    return lambda function: lambda: size\n@given(SIZE)\ndef work(): pass",
        "class Base(type('Base', (), {'size': SIZE})): pass\ndef work(): return Base.size",
        "try:\n    import no_such_module\nexcept ImportError:\n    LEAST = SIZE\ndef work(size=LEAST): return size",
    ],
)
def test_assignments_that_a_definition_needs(definition: str) -> None:
    source = f"HALF = 2\nSIZE = 1\nSIZE = HALF\nSIZE += 2\n{definition}\nSIZE = 0\nUNUSED = 1 / 0\n"
    assert module(source).work() == 4


def test_what_is_registered_at_its_classes() -> None:
    made = module("""
        import atexit
        names = []
        class Manager:
            @classmethod
            def register(cls, name, *arguments): names.append(name)
        kind = "Queue"
        Manager.register(kind, callable)
        atexit.register(names.append, "another module's")
    """)
    assert made.names == ["Queue"]


def test_a_name_that_is_imported_from_it() -> None:
    made = module("LIMIT = 3\nOTHER = 1 / 0\n")
    assert "LIMIT" not in vars(made)
    assert made.LIMIT == 3
    with pytest.raises(AttributeError, match="NOTHING"):
        _ = made.NOTHING


def test_data_that_is_there_is_used() -> None:
    assert module("def work(size=SIZE): return size\nSIZE = 3\n", SIZE=8).work() == 8


def test_a_name_that_is_nowhere() -> None:
    with pytest.raises(NameError, match="UNKNOWN"):
        module("def work(size=UNKNOWN): pass")


def test_conditions_and_attempts_that_only_define() -> None:
    made = module("""
        import sys
        if sys.version_info >= (3,):
            def work(): return "new"
        else:
            def work(): return "old"
        try:
            import nothing_of_that_name as fast
        except ImportError:
            fast = None
    """)
    assert (made.work(), made.fast) == ("new", None)


def test_future_statements_hold_for_all() -> None:
    made = module("from __future__ import annotations\ndef work(place: Nowhere) -> Unknown: pass\n")
    assert made.work.__annotations__ == {"place": "Nowhere", "return": "Unknown"}


def test_what_it_knows_of_names() -> None:
    known = Definitions(
        "import os.path\nfrom a import b as c\ndef f(): pass\nx = y = 1\nx = 2\nclass K: z = 1\n", "p.py"
    )
    assert known.defined == {"f", "K"}
    assert known.imported == {"os", "c"}
    assert known.lines == {"os": 1, "c": 2, "f": 3, "x": 5, "y": 4, "K": 6}


def test_line_numbers_are_the_files() -> None:
    made = module("\n\n\ndef work(): return 1 / 0\n")
    assert made.work.__code__.co_firstlineno == 4
    assert made.work.__code__.co_filename == "program.py"
