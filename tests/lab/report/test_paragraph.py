"""Lines of Chinese and of English text."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.text import Text

from lab.report.paragraph import NOT_FIRST, NOT_LAST, paragraph

CHINESE = "锁（lock）属于获取它的进程；进程死亡后，租约到期，锁才能空出来，其余 99 个进程（包括 client 12）依次进入。"


@pytest.mark.parametrize("width", range(10, 80, 7))
def test_chinese_lines_are_full_and_neither_begin_nor_end_with_the_wrong_sign(width: int):
    lines = paragraph(Text(CHINESE), width).plain.split("\n")
    assert "".join(lines).replace(" ", "") == CHINESE.replace(" ", "")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert cell_len(line) <= width
        assert not line.startswith(tuple(NOT_FIRST))
        assert not line.endswith((*NOT_LAST, " "))
        assert not following or cell_len(line) > width - cell_len("client")


def test_english_lines_are_broken_at_spaces_and_keep_their_own_breaks_and_styles():
    text = Text("first line\nthe second one is longer than that", style="bold")
    text.stylize("red", 11, 14)
    lines = paragraph(text, 16)
    assert lines.plain == "first line\nthe second one\nis longer than\nthat"
    assert [(span.start, span.end) for span in lines.spans if span.style == "red"] == [(11, 14)]
    assert paragraph(Text("unbreakable"), 5).plain == "unbreakable"
