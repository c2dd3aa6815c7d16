"""What a page says, whether it is about an exercise or a program: plain data, from which `page.py` makes HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.checks.verdicts import Judgement
from lab.report.table import Row
from lab.trace import Event, Trace


@dataclass(frozen=True)
class Run:
    """A run in the picture: its label, and what it recorded."""

    label: str
    trace: Trace


@dataclass(frozen=True)
class Finding:
    """A sentence on some of the runs, and the events of each run, by its number, that show it."""

    runs: str
    judgement: Judgement
    sentence: str
    events: Mapping[int, Sequence[Event]] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """Rows of the table; the title may be empty."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Document:
    """The content of a page; `traces` are those of all runs, also of those that are not in the picture."""

    title: str
    judgement: Judgement
    verdict: str
    findings: Sequence[Finding]
    runs: Sequence[Run]
    explanation: Sequence[str]
    columns: Sequence[str]
    sections: Sequence[Section]
    waits: Mapping[str, Mapping[str, Sequence[float]]]  # by what was waited for and by run, in seconds
    parameters: Mapping[str, object]
    command: str
    traces: Sequence[Trace]
