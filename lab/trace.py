"""Traces: the events of a run in order, and the file format that stores them.

Events are in the order in which they were recorded. An actor records its entry into a section after it has acquired
the lock, and its exit before it releases the lock: so a trace may hide a short overlap, but never invents one. The
order depends on no clock and holds across hosts. `when` is for measuring times: seconds on one clock per trace. That is
this machine's monotonic clock, or the Redis server's, where a time may be off by `error` seconds either way.
Differences between times of one process are always exact (see `lab.checks.clocks`).
"""

from __future__ import annotations

import json
import os
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from gettext import gettext as _
from pathlib import Path
from typing import Any

from lab.errors import InvalidTraceError

FORMAT = 3
MAX_TIME = 1e12  # seconds; no clock shows more
DELAY = "measures delay"  # what: the longest delay of a process on a busy machine, in microseconds
STOP = "stops run"  # what: the lab ends a run, and says why
# what: a fault, as the process records it that meets it, and its end
DIES, PAUSES, RESUMES, CUT_OFF, RECONNECTS = "dies", "pauses", "resumes", "is cut off", "reconnects"
RESTARTS, RESTARTS_EMPTY, SERVER_IS_BACK = "restarts server", "restarts server empty", "server is back"
SERVER_RESTARTS = (RESTARTS, RESTARTS_EMPTY)
FAULTS = (DIES, PAUSES, CUT_OFF, *SERVER_RESTARTS)
FAULT_ENDS = (RESUMES, RECONNECTS, SERVER_IS_BACK)
LET_IN = "being let in"  # why, of a fault: a permit was granted, and the entry is not recorded yet
MICROSECONDS = 1_000_000  # per second
UNRECORDED = "is not recorded"  # what: an object of ctypes itself was handed to the program
COUNTED = ("reads", "writes", "uses", UNRECORDED)  # what: the value is how often, since the last such event
LAB = "lab"  # the `who` of the process that starts the actors and waits for them
Process = tuple[str, int, str]  # host, pid, who


@dataclass(frozen=True)
class Event:
    """One line of a trace: who (the actor), where (host, pid), what (the action), on what, and when."""

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
    line: str | None = None  # of the source that did it, as `ktv.py:12`
    offset: float | None = None  # if measured with this event: by how much the server's clock is ahead of the host's

    @property
    def process(self) -> Process:
        """The process and the actor: an actor whose worker was lost may run again in another process."""
        return self.host, self.pid, self.who

    def to_line(self) -> str:
        """Return the event as a line of JSON, without fields that are None."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})

    @classmethod
    def from_line(cls, line: str) -> Event:
        """Return the event in a line; raise `ValueError` or `TypeError` if there is none."""
        event = cls(**_parse_object(line))
        _check_types(event, _EVENT_TYPES)
        if not (0 <= event.when < MAX_TIME and 0 <= event.error < MAX_TIME):
            raise ValueError(_("its time is out of range"))
        if event.offset is not None and not -MAX_TIME < event.offset < MAX_TIME:
            raise ValueError(_("its clock offset is out of range"))
        return event


_OPTIONAL = type(None)
_EVENT_TYPES: dict[str, tuple[type, ...]] = {
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
    "line": (str, _OPTIONAL),
    "offset": (int, float, _OPTIONAL),
}
_HEADER_TYPES: dict[str, tuple[type, ...]] = {
    "exercise": (str,),
    "backend": (str,),
    "parameters": (dict,),
    "server": (str, _OPTIONAL),
    "workers": (int, _OPTIONAL),
    "versions": (dict,),
    "faults": (dict, _OPTIONAL),
}


@dataclass(frozen=True)
class Trace:
    """One run of an exercise on one backend: its parameters and its events."""

    exercise: str
    backend: str
    parameters: Mapping[str, Any]
    events: tuple[Event, ...]
    server: str | None = None
    workers: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, Any] | None = None  # what was planned: kind, count and seed
    source: str = field(default="", compare=False)

    def of(self, *what: str) -> list[Event]:
        """Return the events with one of these `what`, in order."""
        return [event for event in self.events if event.what in what]

    def dump(self) -> str:
        """Return the text of a trace file: a header line about the run, then a line per event."""
        header = {name: getattr(self, name) for name in _HEADER_TYPES}
        lines = [json.dumps({"trace": FORMAT, **header}), *(event.to_line() for event in self.events)]
        return "".join(line + "\n" for line in lines)

    @classmethod
    def parse(cls, text: str, source: str) -> Trace:
        """Return the trace in a file's text; raise `InvalidTraceError`, which names `source` and the line."""
        first, *lines = text.splitlines() or [""]
        with _parsing(source, 1):
            header = _parse_object(first)
            _check_format(header.pop("trace", None), source)
            trace = cls(**header, events=parse_events(lines, source, first=2), source=source)
            _check_types(trace, _HEADER_TYPES)
        return trace


def parse_events(lines: Iterable[str], source: str, first: int = 1) -> tuple[Event, ...]:
    """Return the events in `lines`; raise `InvalidTraceError`, which names the line, counted from `first`."""
    events = []
    for number, line in enumerate(lines, first):
        with _parsing(source, number):
            events.append(Event.from_line(line))
    return tuple(events)


def new_event(who: str, what: str, when: float, error: float, **more: Any) -> Event:
    """Return an event of this process."""
    return Event(who, socket.gethostname(), os.getpid(), what, when, error, **more)


def name_traces(traces: Sequence[Trace]) -> dict[str, str]:
    """Return the texts of traces by their files' names; repeated runs are numbered from the second one on."""
    names, texts = Counter[str](), dict[str, str]()
    for trace in traces:
        name = "-".join(filter(None, (trace.exercise, trace.parameters.get("how"), trace.backend)))
        names[name] += 1
        texts[f"{name}-{names[name]}.jsonl" if names[name] > 1 else f"{name}.jsonl"] = trace.dump()
    return texts


def load_traces(folder: Path) -> list[Trace]:
    """Return the traces in `folder`; raise `InvalidTraceError` if there are none or one cannot be read."""
    if not folder.is_dir():
        missing = _("there is no folder {folder}; name one that `lab compare --trace` has written")
        raise InvalidTraceError(missing.format(folder=folder))
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        empty = _("there is no trace in {folder}; name a folder that `lab compare --trace` has written")
        raise InvalidTraceError(empty.format(folder=folder))
    return [_load_file(file) for file in files]


def _load_file(file: Path) -> Trace:
    try:
        return Trace.parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        unreadable = _("{file} cannot be read ({error}); save the trace again")
        raise InvalidTraceError(unreadable.format(file=file, error=error)) from error


@contextmanager
def _parsing(source: str, number: int) -> Iterator[None]:
    """Turn any error in the block into an `InvalidTraceError` that names the line."""
    try:
        yield
    except InvalidTraceError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        corrupt = _(
            "{file}, line {number}: this is not a line of a trace ({error}); the file is corrupt, save the trace again"
        )
        raise InvalidTraceError(corrupt.format(file=source, number=number, error=error)) from error


def _check_format(version: object, source: str) -> None:
    if type(version) is int and version != FORMAT:
        other = _("{file}, line 1: this trace has format {format}, and this lab reads only format {own}; run it again")
        raise InvalidTraceError(other.format(file=source, format=version, own=FORMAT))
    if version != FORMAT:
        raise ValueError(_("it is not the first line of a trace"))


def _check_types(parsed: object, types: Mapping[str, tuple[type, ...]]) -> None:
    for name, allowed in types.items():
        value = getattr(parsed, name)
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise ValueError(_("{name} cannot be {value!r}").format(name=name, value=value))


def _parse_object(line: str) -> dict[str, Any]:
    parsed = json.loads(line)
    if not isinstance(parsed, dict):
        raise ValueError(_("it is not a JSON object"))
    return parsed
