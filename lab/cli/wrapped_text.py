"""Text in a cell of a table, where Chinese breaks between characters and not only at spaces."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from lab.wrapping import wrap


class WrappedText:
    """One paragraph, wrapped to the width that there is."""

    def __init__(self, text: str, style: str = "") -> None:
        self._text = text
        self._style = style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(wrap(self._text, options.max_width), self._style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max(map(cell_len, wrap(self._text, 1).splitlines()), default=0)
        return Measurement(longest, cell_len(self._text)).with_maximum(options.max_width)
