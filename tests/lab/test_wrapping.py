"""Wrapping by columns, and between Chinese characters."""

from __future__ import annotations

import textwrap

import pytest
from rich.cells import cell_len

from lab.exercises import EXERCISES
from lab.wrapping import CLOSING, OPENING, wrap, wrap_long_lines, wrap_paragraphs

TEXT = "锁（Lock）同一时刻只放进一个进程，信号量放进若干个；“事件”则放进所有人：[默认 3]。用 --how nothing 时不加锁！"


@pytest.mark.parametrize("width", range(12, 60))
def test_lines_fit_and_break_where_chinese_may(width: int):
    lines = wrap(TEXT, width, "  ", "- ").splitlines()
    assert max(map(cell_len, lines)) <= width
    assert "".join(lines).replace(" ", "") == f"-{TEXT}".replace(" ", "")
    assert lines[0].startswith("- ")
    assert all(line.startswith("  ") for line in lines[1:])
    assert not any(line.strip()[0] in CLOSING or line[-1] in OPENING for line in lines)
    assert min(map(cell_len, lines[:-1])) >= width - len("nothing") - 2, "a line is full, but for a word and a mark"


@pytest.mark.parametrize("width", [30, 79])
def test_english_is_wrapped_as_the_standard_library_does(width: int):
    for exercise in EXERCISES.values():
        first = exercise.statement().partition("\n")[0]
        assert wrap(first, width).splitlines() == textwrap.wrap(first, width, break_on_hyphens=False)


def test_a_line_break_between_chinese_characters_is_no_space():
    assert wrap("条件\n变量 a\nb", 80) == "条件变量 a b"


def test_paragraphs_keep_their_indents():
    assert wrap_paragraphs("\n一二三\n\n    a b\n", 8, "  ") == "  一二三\n\n      a\n      b"


def test_short_lines_are_left_alone():
    assert wrap_long_lines("a\n    code\n  一二三四 五六", 10) == "a\n    code\n  一二三四\n  五六"
