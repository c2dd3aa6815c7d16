"""Text in columns of a terminal, where a Chinese character is two columns wide and lines may break beside it.

rich breaks at spaces only. A Chinese sentence has few, so most of a line would stay empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60“”‘’…"  # for a set of a regular expression
CLOSING = r"，。；：！？、）》」』】”’…,.;:!?)\]"  # no line begins with one
OPENING = r"（《「『【“‘(\["  # no line ends with one
PIECE = re.compile(rf"\s+|[{OPENING}]*(?:[{WIDE}]|[^\s{WIDE}]+)[{CLOSING}]*")  # what is on one line
LINE_BREAK = re.compile(rf"(?<=[{WIDE}])\s*\n\s*(?=[{WIDE}])")  # in a Chinese text, where no space is meant


def wrap(text: str, width: int, indent: str = "", first_indent: str | None = None) -> str:
    """Return one paragraph in lines of at most `width` columns, with an indent; longer words are not broken.

    A line break in `text` is a space, or nothing between two Chinese characters.
    """
    joined = re.sub(r"\s*\n\s*", " ", LINE_BREAK.sub("", text)).strip()
    first = indent if first_indent is None else first_indent
    breaks = _breaks(joined, width - cell_len(indent), cell_len(first) - cell_len(indent))
    lines = [joined[start:end].rstrip() for start, end in pairwise([0, *breaks, len(joined)])]
    return first + f"\n{indent}".join(lines)


def wrap_paragraphs(text: str, width: int, indent: str = "") -> str:
    """Return the paragraphs of a text, each wrapped; they are separated by empty lines, and may be indented."""
    wrapped = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        own = re.match(r" *", paragraph)
        wrapped.append(wrap(paragraph.strip(), width, indent + (own.group() if own else "")))
    return "\n\n".join(wrapped)


def wrap_long_lines(text: str, width: int) -> str:
    """Return a text in which only lines of more than `width` columns are wrapped, each with its own indent."""
    return "\n".join(
        line if cell_len(line) <= width else wrap(line.strip(), width, line[: len(line) - len(line.lstrip())])
        for line in text.split("\n")
    )


class WrappedText:
    """Text for rich, whose lines are wrapped to the width that there is; rich itself breaks a longer word."""

    def __init__(self, text: str | Text, style: str = "") -> None:
        self._text = Text(text, style) if isinstance(text, str) else text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._text.split(allow_blank=True):
            for part in line.divide(_breaks(line.plain, options.max_width)):
                part.rstrip()
                yield part

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max((cell_len(piece) for piece in PIECE.findall(self._text.plain)), default=0)
        return Measurement(longest, cell_len(self._text.plain)).with_maximum(options.max_width)


def _breaks(text: str, width: int, column: int = 0) -> Iterator[int]:
    """Yield where lines of at most `width` columns begin, after the first, which begins in `column`."""
    empty = True
    for piece in PIECE.finditer(text):
        size = cell_len(piece.group())
        if not piece.group().isspace():
            if not empty and column + size > width:
                yield piece.start()
                column = 0
            empty = False
        column += size
