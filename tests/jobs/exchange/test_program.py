"""What a process needs of its parent's program, and what is said of what cannot be sent."""

from __future__ import annotations

import logging
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from broker import Context
from jobs.exchange.definitions import definitions
from jobs.exchange.logging_state import logger_states, reduce_handler
from jobs.exchange.main_module import MainModule, own_modules
from jobs.exchange.process_state import ProcessState
from jobs.exchange.unavailable import Unavailable, UnavailableError

USES: list[Callable[[Any], object]] = [
    lambda value: value(),
    lambda value: value.name,
    lambda value: value["key"],
    lambda value: list(value),
    lambda value: len(value),
    lambda value: bool(value),
    lambda value: value + 1,
    lambda value: str(value),
    lambda value: value == 1,
    lambda value: setattr(value, "name", 1),
    lambda value: value.__enter__(),
]


@pytest.mark.parametrize("use", USES)
def test_what_is_unavailable_says_so_when_it_is_used(use: Callable[[Any], object]) -> None:
    value = pickle.loads(pickle.dumps(Unavailable("database (shop.py, line 3) is a Connection")))
    assert "line 3" in repr(value)
    with pytest.raises(UnavailableError, match=r"database \(shop.py, line 3\)"):
        use(value)


def test_secrets_and_servers_do_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", "x" * 40)
    monkeypatch.setenv("LAB_REDIS_URL", "redis://:password@host")
    monkeypatch.setenv("ORDINARY", "value")
    sent = ProcessState.here(forked=True)
    assert sent.environment["ORDINARY"] == "value"
    assert b"x" * 40 not in pickle.dumps(sent)
    assert b"password" not in pickle.dumps(sent)


def test_only_what_differs_in_the_environment_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAME", "CHANGED", "NEW"):
        monkeypatch.setenv(name, "parent's")
    sent = ProcessState.here(forked=True)
    elsewhere = replace(sent, host="another host")
    monkeypatch.setenv("CHANGED", "worker's")
    monkeypatch.setenv("WORKERS", "worker's")
    monkeypatch.setenv("LAB_SECRET", "x" * 40)
    monkeypatch.delenv("NEW")
    assert sent.changes == {"CHANGED": "parent's", "NEW": "parent's", "WORKERS": None}
    assert elsewhere.changes == {"NEW": "parent's"}


def test_modules_are_the_programs_as_soon_as_they_are_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert own_modules(str(tmp_path)) == {}
    module = ModuleType("shop")
    module.__file__ = str(tmp_path / "shop.py")
    monkeypatch.setitem(sys.modules, "shop", module)
    assert own_modules(str(tmp_path)) == {"shop": module}
    monkeypatch.delitem(sys.modules, "shop")
    assert own_modules(str(tmp_path)) == {}


def test_a_file_handler_goes_on_at_the_end_of_its_file(tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "log", mode="w")
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.emit(logging.makeLogRecord({"msg": "first"}))
    make, arguments, state, _, _, set_state = reduce_handler(handler)
    again = make(*arguments)  # type: ignore[operator]
    set_state(again, state)  # type: ignore[operator]
    again.emit(logging.makeLogRecord({"msg": "second"}))
    again.close()
    handler.close()
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


def test_pipes_are_not_kept_open_by_looking_at_them(ctx: Context) -> None:
    from jobs.exchange.program import _fault, _pickle, _refuse

    left, right = ctx.Pipe()
    assert _fault({"pipe": right}) is None
    with pytest.raises(pickle.PicklingError):
        _pickle({"pipe": right}, _refuse)
    assert _fault({"thread": threading.current_thread()}) is not None
    right.close()
    with pytest.raises(EOFError):
        left.recv()


def test_what_is_not_picklable_is_found_among_the_rest() -> None:
    from jobs.exchange.program import Variable, _dumps

    shared = ["one object"]
    data = [
        Variable("json", "", "thread", threading.current_thread()),
        Variable("json", "", "left", shared),
        Variable("json", "", "right", shared),
    ]
    process, (thread, left, right), _ = pickle.loads(_dumps("process", data, []))
    assert process == "process"
    assert "thread is a threading._MainThread" in repr(thread.value)
    assert left.value is right.value


def test_what_was_not_picklable_at_one_start_is_sent_at_the_next_if_it_is_then() -> None:
    from jobs.exchange.program import Variable, _dumps

    names: list[Any] = [threading.current_thread()]
    first = _dumps("process", [Variable("json", "", "names", names)], [])
    names[:] = ["Ada"]
    second = _dumps("process", [Variable("json", "", "names", names)], [])
    sent = [pickle.loads(pickled)[1][0].value for pickled in (first, second)]
    assert isinstance(sent[0], Unavailable)
    assert sent[1] == ["Ada"]


def test_loggers_of_libraries_and_those_that_nobody_has_set_do_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    logging.getLogger("shop.untouched")
    for name in ("shop.touched", "push_response", "rq.worker"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", False)
    names = [state.name for state in logger_states()]
    assert "shop.touched" in names
    assert "shop.untouched" not in names
    assert not {"push_response", "rq.worker"} & {*names}


def test_a_module_is_compiled_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    main = MainModule(str(tmp_path / "program.py"), None, "def work(): pass")
    own = tmp_path / "module.py"
    own.write_text("def first(): pass")
    main.prepare({"module": str(own)}, again=False)
    compiled = definitions.cache_info().misses
    main.prepare({"module": str(own)}, again=False)
    assert definitions(main.source, main.file).defined == {"work"}
    assert definitions.cache_info().misses == compiled
    own.write_text("def second(): pass")
    main.prepare({"module": str(own)}, again=False)
    assert definitions.cache_info().misses == compiled + 1


def test_modules_from_elsewhere_are_forgotten_if_the_program_has_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    standard, own = ModuleType("timeit"), ModuleType("shop")
    standard.__file__, own.__file__ = logging.__file__, str(tmp_path / "shop.py")
    for module in (standard, own):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    MainModule(str(tmp_path / "program.py"), None, "").drop_others(["timeit", "shop", "not_imported"])
    assert "timeit" not in sys.modules
    assert sys.modules["shop"] is own
