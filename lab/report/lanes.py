"""The lanes: a line of text for each process, with what it did over time; for runs of a few processes."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from lab.report.timeline.spans import INSIDE, Span
from lab.report.timeline.timeline import Timeline
from lab.trace import DIES, LAB, Event, Trace

WAITING, PAUSED = "waiting", "paused"  # kinds of spans
SYMBOLS = {  # by what a process does at the same time; the first that applies
    frozenset({INSIDE, PAUSED}): "▄",
    frozenset({INSIDE}): "█",
    frozenset({PAUSED}): "─",
    frozenset({WAITING}): "·",
}
KILLED = "x"
HERE = "^"


def draw_lanes(trace: Trace, width: int, here: Event | None = None) -> Text:
    """Return a lane for each process, `width` columns wide, and a mark below the moment of the event `here`."""
    timeline = Timeline(trace)
    lanes = [lane for lane in timeline.lanes if lane.process[-1] != LAB]
    margin = max(cell_len(lane.process[-1]) for lane in lanes) + 2
    columns = width - margin
    scale = (timeline.elapsed or 1.0) / columns
    legend = _("█ inside, ▄ inside and paused, ─ paused, · waiting, {killed} killed").format(killed=KILLED)
    text = Text(legend + "\n", no_wrap=True)
    for lane in lanes:
        spans = [span for span in timeline.spans if span.process == lane.process]
        middles = [(column + 0.5) * scale for column in range(columns)]
        line = [_symbol(spans, timeline, middle) for middle in middles]
        for death in trace.of(DIES):
            if death.process == lane.process:
                line[_column(timeline, death, scale, columns)] = KILLED
        text.append(set_cell_size(lane.process[-1], margin) + "".join(line).rstrip() + "\n")
    if here is not None:
        column = _column(timeline, here, scale, columns)
        text.append(" " * (margin + column) + HERE + "\n", style="red")
    text.append(" " * margin + _axis(timeline.elapsed, columns))
    return text


def _column(timeline: Timeline, event: Event, scale: float, columns: int) -> int:
    return min(columns - 1, int(timeline.time(event.when) / scale))


def _symbol(spans: Sequence[Span], timeline: Timeline, time: float) -> str:
    kinds = {span.kind for span in spans if timeline.time(span.start) <= time < timeline.time(span.end)}
    return next((symbol for needed, symbol in SYMBOLS.items() if needed <= kinds), " ")


def _axis(elapsed: float, columns: int) -> str:
    start, end = "0 s ", f" {elapsed:g} s"
    return start + "─" * (columns - len(start) - len(end)) + end
