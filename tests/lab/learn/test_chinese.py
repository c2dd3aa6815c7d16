"""What learners read in Chinese: the task, the hints, the verdict, what happened, and errors."""

from __future__ import annotations

from gettext import gettext
from pathlib import Path

import pytest
from rich.cells import cell_len

from lab.learn.errors import UnjudgedError
from lab.learn.narration import describe_fault, narrate
from lab.learn.process import check_in_process
from lab.learn.rung import Rung, check
from lab.learn.rungs import RUNGS
from tests.support.chinese import is_chinese
from tests.support.rungs import Try, solution

pytestmark = pytest.mark.usefixtures("chinese")


def test_tasks_hints_and_explanations():
    texts = [text for rung in RUNGS for text in (rung.title, rung.task, *rung.hints, rung.explanation)]
    assert [text for text in texts for part in gettext(text).split("\n\n") if not is_chinese(part)] == []
    assert all(is_chinese(rung.file().split('"""')[1]) for rung in RUNGS)


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)
def test_own_version_is_judged_in_chinese(rung: Rung, url: str):
    outcome = check(rung, rung.file(), url)
    assert outcome.verdict is not None
    assert outcome.trace is not None
    assert is_chinese(outcome.verdict.evidence)
    assert is_chinese(describe_fault(outcome.fault))
    lines = narrate(outcome.trace)
    assert is_chinese("\n".join(lines))
    assert {cell_len(line[: line.index(" s  ")]) for line in lines} == {5}
    assert not any("'s token" in line or "nothing" in line or "script" in line for line in lines)


def test_another_process_judges_in_the_language_of_the_run(tmp_path: Path):
    file = tmp_path / "version.py"
    file.write_text(RUNGS[0].file(), "utf-8")
    verdict = check_in_process(RUNGS[0], file).verdict
    assert verdict is not None
    assert verdict.evidence == "B 在第 1 秒请求进入，到第 35 秒仍未获准，而从第 10 秒起临界区内就没有进程"


@pytest.mark.parametrize(
    "source",
    [
        "class Lock:\n    def x(:\n",
        "1 / 0",
        "lock = None",
        solution("no_expiry", {"def acquire": "def aquire"}),
        solution("no_expiry", {"nx=True": "nx=True, px=-1"}),
    ],
)
def test_what_cannot_be_judged(attempt: Try, source: str):
    with pytest.raises(UnjudgedError) as raised:
        attempt("no_expiry", source)
    assert any("\u4e00" <= character <= "\u9fff" for character in str(raised.value))
