"""Text in columns of a terminal, where a Chinese character is two columns wide and lines may break beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len

WIDE = "\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60“”‘’…"  # for a set of a regular expression
CLOSING = r"，。；：！？、）》」』】”’…,.;:!?)\]"  # no line begins with one
OPENING = r"（《「『【“‘(\["  # no line ends with one
PIECE = re.compile(rf"\s+|[{OPENING}]*(?:[{WIDE}]|[^\s{WIDE}]+)[{CLOSING}]*")  # what is on one line
LINE_BREAK = re.compile(rf"(?<=[{WIDE}])\s*\n\s*(?=[{WIDE}])")  # in a Chinese text, where no space is meant


def wrap(text: str, width: int, indent: str = "", first_indent: str | None = None) -> str:
    """Return one paragraph in lines of at most `width` columns, with an indent; longer words are not broken.

    A line break in `text` is a space, or nothing between two Chinese characters.
    """
    lines, line = list[str](), indent if first_indent is None else first_indent
    start = len(line)
    for piece in _pieces(text):
        if cell_len(line + piece.rstrip()) > width and len(line) > start:
            lines.append(line.rstrip())
            line, start = indent, len(indent)
        if piece.strip() or len(line) > start:
            line += piece
    return "\n".join([*lines, line.rstrip()])


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


def _pieces(text: str) -> Iterator[str]:
    joined = LINE_BREAK.sub("", text)
    for found in PIECE.finditer(joined):
        yield found.group().replace("\n", " ")
