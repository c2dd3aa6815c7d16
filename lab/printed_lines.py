"""What the course's programs print, in Chinese or English, made from the events of a trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

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
    """A line in both languages, and its style as rich names it.

    The placeholders are the event's fields (`{who}`, `{value}`, `{on}`, `{pid}`) and the actor's `{number}`: 3 for
    "client 3".
    """

    zh: str
    en: str
    style: str = ""


FAULTS = {
    DIES: PrintedLine("{who} 被杀死", "{who} is killed", "bold red"),
    PAUSES: PrintedLine("{who} 停住了", "{who} pauses", "magenta"),
    RESUMES: PrintedLine("{who} 继续", "{who} resumes", "magenta"),
    CUT_OFF: PrintedLine("{who} 与服务器断开", "{who} is cut off from the server", "magenta"),
    RESTARTS: PrintedLine("服务器重启 数据保留", "the server restarts with its data", "magenta"),
    RESTARTS_EMPTY: PrintedLine("服务器重启 数据丢失", "the server restarts without its data", "magenta"),
    SERVER_IS_BACK: PrintedLine("服务器恢复", "the server is back", "magenta"),
    RECONNECTS: PrintedLine("{who} 重新连上服务器", "{who} is connected again", "magenta"),
}


def format_line(lines: Mapping[str, PrintedLine], event: Event, language: str) -> Text | None:
    """Return the line that is printed at an event; None if the course's program prints nothing then, unless a fault."""
    line = lines.get(event.what) or FAULTS.get(event.what)
    if line is None:
        return None
    template = line.zh if language == "zh" else line.en
    fields = {name: "" if value is None else value for name, value in vars(event).items()}
    text = template.format(number=event.who.rpartition(" ")[2], **fields)
    return Text(text, style=line.style) if text else None
