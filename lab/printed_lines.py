"""What the course's programs print, made from the events of a trace; the Chinese lines are the course's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from gettext import gettext as _

from rich.text import Text

from lab.language import N_
from lab.trace import (
    CUT_OFF,
    DIES,
    PAUSES,
    RECONNECTS,
    RESTARTS,
    RESTARTS_EMPTY,
    RESUMES,
    SERVER_IS_BACK,
    Event,
)


@dataclass(frozen=True)
class PrintedLine:
    """A line, which is a message of the catalogue, and its style as rich names it.

    The placeholders are the event's fields (`{who}`, `{value}`, `{on}`, `{pid}`) and the actor's `{number}`: 3 for
    "client 3".
    """

    text: str
    style: str = ""


FAULTS = {
    DIES: PrintedLine(N_("{who} is killed"), "bold red"),
    PAUSES: PrintedLine(N_("{who} pauses"), "magenta"),
    RESUMES: PrintedLine(N_("{who} resumes"), "magenta"),
    CUT_OFF: PrintedLine(N_("{who} is cut off from the server"), "magenta"),
    RESTARTS: PrintedLine(N_("the server restarts with its data"), "magenta"),
    RESTARTS_EMPTY: PrintedLine(N_("the server restarts without its data"), "magenta"),
    SERVER_IS_BACK: PrintedLine(N_("the server is back"), "magenta"),
    RECONNECTS: PrintedLine(N_("{who} is connected again"), "magenta"),
}


def format_line(lines: Mapping[str, PrintedLine], event: Event) -> Text | None:
    """Return the line that is printed at an event; None if the course's program prints nothing then, unless a fault."""
    line = lines.get(event.what) or FAULTS.get(event.what)
    if line is None:
        return None
    fields = {name: "" if value is None else value for name, value in vars(event).items()}
    text = _(line.text).format(number=event.who.rpartition(" ")[2], **fields)
    return Text(text, style=line.style) if text else None
