"""The course's words: what its programs print, in Chinese or English, made from the events of a trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from lab.trace import Event

LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class Words:
    """A line in both languages, and its colour as rich names it.

    In braces stand the event's fields (`{who}`, `{value}`, `{on}`, `{pid}`) and the `{number}` of who it is: 3 for
    "client 3".
    """

    zh: str
    en: str
    style: str = ""


def worded(words: Mapping[str, Words], event: Event, language: str) -> Text | None:
    """Return what is printed at an event; None if the course's program prints nothing then."""
    line = words.get(event.what)
    if line is None:
        return None
    template = line.zh if language == "zh" else line.en
    known = {name: "" if value is None else value for name, value in vars(event).items()}
    text = template.format(number=event.who.rpartition(" ")[2], **known)
    return Text(text, style=line.style) if text else None


def language_of(environment: Mapping[str, str]) -> str:
    """Return the language that the environment's locale asks for: Chinese, or English for every other."""
    chosen = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "zh" if chosen.lower().startswith("zh") else "en"
