"""`--watch` shows on a terminal what the actors of a run are doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.lab import COMMAND, RunLab
from tests.support.terminal import Terminal

KTV = ("ktv", "--guests", "3", "--rooms", "1", "--pace", "0.3", "--watch")


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Runs the `lab` command in a terminal."""
    shown: list[Terminal] = []

    def show(*words: str) -> Terminal:
        shown.append(Terminal([COMMAND, *words], tmp_path, {"COLUMNS": "120", "TERM": "xterm"}))
        return shown[-1]

    yield show
    for each in shown:
        each.close()


@pytest.mark.slow
def test_compare_shows_each_run_as_it_happens(show: Callable[..., Terminal]) -> None:
    terminal = show("compare", *KTV, "--on", "local,redis")
    assert terminal.finish() == 0
    for backend in ("local", "redis"):
        assert f"ktv semaphore {backend}, " in terminal.text
    assert "inside rooms" in terminal.text
    assert "waiting for rooms" in terminal.text
    assert terminal.text.rindex("valid") > terminal.text.rindex("waiting for rooms"), "then comes the report"


@pytest.mark.slow
def test_run_prints_its_lines_above(show: Callable[..., Terminal]) -> None:
    terminal = show("run", *KTV, "--lang", "en")
    assert terminal.finish() == 0
    assert "waiting for rooms" in terminal.text
    assert terminal.text.count(" has a KTV room") == 3


@pytest.mark.parametrize("command", ["compare", pytest.param("run", marks=pytest.mark.slow)])
def test_without_a_terminal_a_line_says_that_nothing_is_shown(lab: RunLab, command: str) -> None:
    done = lab(command, *KTV, "--on", "local")
    assert done.returncode == 0
    assert done.stderr == "lab: --watch shows nothing, since this is no terminal\n"
    assert "waiting for rooms" not in done.stdout
