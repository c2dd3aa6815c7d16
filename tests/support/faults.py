"""Comparisons of runs with faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.trace import FAULTS, Trace, load_traces
from tests.support.lab import RunLab


def faults(trace: Trace) -> list[tuple[str, str, str | None, str | None]]:
    """Return who met which fault, on what and at which moment."""
    return [(event.who, event.what, event.on, event.why) for event in trace.of(*FAULTS)]


def compare(lab: RunLab, folder: Path, status: int, *arguments: object) -> tuple[dict[str, Any], list[Trace], str]:
    """Run `lab compare`; return its figures, its traces and its output."""
    done = lab("compare", *arguments, "--workers", 3, "--json", "figures", "--trace", "traces")
    assert done.returncode == status, done.stdout + done.stderr
    text = " ".join(done.stdout.split())
    return json.loads((folder / "figures").read_text()), load_traces(folder / "traces"), text
