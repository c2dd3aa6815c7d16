"""Paragraphs for the terminal: lines are broken at spaces and, as Chinese is, between any two wide characters.

rich breaks at spaces only. A Chinese sentence has few, so most of a line would stay empty.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

NOT_FIRST = "，。；：、）"  # characters with which no line begins
NOT_LAST = "（"  # and ends


def paragraph(text: Text, width: int) -> Text:
    """Return the text in lines of at most `width` columns; a word that is longer is left to rich."""
    plain, breaks = text.plain, list[int]()
    start = possible = 0  # where the line begins, and where it may end
    for place, character in enumerate(plain):
        if character == "\n":
            start = possible = place + 1
        elif place and _may_break(plain[place - 1], character):
            possible = place
        if start < possible and cell_len(plain[start : place + 1].rstrip()) > width:
            breaks.append(possible)
            start = possible
    lines = text.divide(breaks)
    for line in lines[:-1]:
        line.rstrip()
    return Text("\n").join(lines)


def _may_break(before: str, after: str) -> bool:
    if after == " " or after in NOT_FIRST or before in NOT_LAST:
        return False
    return before == " " or 2 in (cell_len(before), cell_len(after))
