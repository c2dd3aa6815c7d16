"""The line of source of an event."""

from __future__ import annotations

from multiprocessing import Lock
from pathlib import Path

from lab.runtime.event_log import FileLog
from lab.runtime.recorder import Recorder
from lab.runtime.source_line import EXERCISES, exercise_name, source_line


def test_the_innermost_line_that_counts():
    def call() -> str | None:
        return source_line(lambda file: "this" if file == __file__ else None)

    assert call() == f"this:{call.__code__.co_firstlineno + 1}"
    assert source_line(lambda _: None) is None


def test_an_exercise_is_called_by_its_files_name_and_nothing_else_counts():
    assert exercise_name(str(EXERCISES / "tickets.py")) == "tickets.py"
    assert exercise_name(__file__) is None


def test_an_event_of_a_section_has_the_line_that_opens_it(tmp_path: Path):
    source = "with me.inside('db', lock):\n    me.record('buys')\n"
    log = FileLog(tmp_path / "trace")
    names = {"me": Recorder(log, "a"), "lock": Lock()}
    exec(compile(source, EXERCISES / "sale.py", "exec"), names)
    assert [(event.what, event.line) for event in log.events()] == [
        *(("requests", "sale.py:1"), ("enters", "sale.py:1")),
        *(("buys", "sale.py:2"), ("leaves", "sale.py:1")),
    ]
