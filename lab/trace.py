"""Traces: what happened in a run, one event after the other, and the file that keeps them.

The order of the events is the order in which they were recorded: an actor records that it entered after it was let
in, and that it leaves before it lets go, so a trace may hide a short overlap but never invents one. Order needs no
clock, and holds across hosts. `when` is for measuring: seconds on one clock per trace, this machine's monotonic one,
or the Redis server's, then exact to `error` seconds either way (within one process, differences are always exact; see
`lab.checks.clocks`).
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import DamagedTraceError

FORMAT = 1
FOREVER = 1e12  # seconds; no clock shows more
LAB = "lab"  # who: the one that starts the actors and waits for them
Process = tuple[str, int, str]  # host, pid, who


@dataclass(frozen=True)
class Event:
    """One line of a trace: who, where (host, pid), what, on what, and when."""

    who: str
    host: str
    pid: int
    what: str
    when: float
    error: float = 0.0
    on: str | None = None
    fence: int | None = None
    value: int | None = None
    why: str | None = None
    offset: float | None = None  # where it was measured: how far the server's clock was ahead of the host's

    @property
    def process(self) -> Process:
        """Which process did it, and in whose name: an actor whose worker was lost may be played again by another."""
        return self.host, self.pid, self.who

    def to_line(self) -> str:
        """Return the event as a line of JSON, without what is not known."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})

    @classmethod
    def from_line(cls, line: str) -> Event:
        """Return the event that a line says; raise `ValueError` if it says none."""
        said = _object(line)
        event = cls(**said)
        _require(event, _KINDS)
        if not (0 <= event.when < FOREVER and 0 <= event.error < FOREVER):
            raise ValueError("it happened at no moment")
        if event.offset is not None and not -FOREVER < event.offset < FOREVER:
            raise ValueError("no clock is ahead by that much")
        return event


_OPTIONAL = type(None)
_KINDS: dict[str, tuple[type, ...]] = {
    "who": (str,),
    "host": (str,),
    "pid": (int,),
    "what": (str,),
    "when": (int, float),
    "error": (int, float),
    "on": (str, _OPTIONAL),
    "fence": (int, _OPTIONAL),
    "value": (int, _OPTIONAL),
    "why": (str, _OPTIONAL),
    "offset": (int, float, _OPTIONAL),
}
_ABOUT: dict[str, tuple[type, ...]] = {
    "exercise": (str,),
    "backend": (str,),
    "parameters": (dict,),
    "server": (str, _OPTIONAL),
    "workers": (int, _OPTIONAL),
}


@dataclass(frozen=True)
class Trace:
    """One run of an exercise on one backend: what was asked for, and what happened."""

    exercise: str
    backend: str
    parameters: Mapping[str, Any]
    events: tuple[Event, ...]
    server: str | None = None
    workers: int | None = None
    source: str = field(default="", compare=False)

    def of(self, *what: str) -> list[Event]:
        """Return the events of these kinds, in order."""
        return [event for event in self.events if event.what in what]

    def dump(self) -> str:
        """Return the text of a trace file: a line about the run, then a line per event."""
        about = {name: getattr(self, name) for name in ("exercise", "backend", "parameters", "server", "workers")}
        lines = [json.dumps({"trace": FORMAT, **about}), *(event.to_line() for event in self.events)]
        return "".join(line + "\n" for line in lines)

    @classmethod
    def parse(cls, text: str, source: str) -> Trace:
        """Return the trace that a file's text holds; raise `DamagedTraceError` with the line in `source`."""
        head, *lines = text.splitlines() or [""]
        with _Line(source, 1):
            about = _object(head)
            if about.pop("trace", None) != FORMAT:
                raise ValueError("it is not the first line of a trace")
            trace = cls(**about, events=parse_events(lines, source, first=2), source=source)
            _require(trace, _ABOUT)
        return trace


def parse_events(lines: Iterable[str], source: str, first: int = 1) -> tuple[Event, ...]:
    """Return the events in `lines`; raise `DamagedTraceError` with the line's number, counted from `first`."""
    events = []
    for number, line in enumerate(lines, first):
        with _Line(source, number):
            events.append(Event.from_line(line))
    return tuple(events)


def new_event(who: str, what: str, when: float, error: float, **more: Any) -> Event:
    """Return an event of this process."""
    return Event(who, socket.gethostname(), os.getpid(), what, when, error, **more)


def load(folder: Path) -> list[Trace]:
    """Return the traces in `folder`; raise `DamagedTraceError` if there are none or one cannot be read."""
    if not folder.is_dir():
        raise DamagedTraceError(f"there is no folder {folder}; name one that `lab compare --trace` has written")
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise DamagedTraceError(f"there is no trace in {folder}; name a folder that `lab compare --trace` has written")
    return [_load_file(file) for file in files]


def _load_file(file: Path) -> Trace:
    try:
        return Trace.parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedTraceError(f"{file} cannot be read ({error}); save the trace again") from error


_UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)


class _Line:
    """Turns whatever is wrong with a line into a sentence that names it."""

    def __init__(self, source: str, number: int) -> None:
        self.source = source
        self.number = number

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _UNREADABLE) and not isinstance(error, DamagedTraceError):
            raise DamagedTraceError(
                f"{self.source}, line {self.number}: this is no line of a trace ({error}); the file is damaged, "
                "save the trace again"
            ) from error


def _require(said: object, kinds: Mapping[str, tuple[type, ...]]) -> None:
    for name, allowed in kinds.items():
        value = getattr(said, name)
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise ValueError(f"{name} cannot be {value!r}")


def _object(line: str) -> dict[str, Any]:
    said = json.loads(line)
    if not isinstance(said, dict):
        raise ValueError("it is no JSON object")
    return said
