"""Faults: which of those that were planned happened."""

from __future__ import annotations

from typing import Any

from lab.trace import FAULTS, Event, Trace


def faults(trace: Trace) -> list[Event]:
    """Return the faults that happened; nothing if none was planned: an exercise may kill a process itself."""
    return trace.of(*FAULTS) if trace.faults else []


def planned_faults(trace: Trace) -> dict[str, Any]:
    """Return the options with which the faults of a run were planned; nothing if there were none."""
    if not trace.faults:
        return {}
    return {"fault": f"{trace.faults['kind']}:{trace.faults['count']}", "seed": trace.faults["seed"]}


def count_faults(trace: Trace) -> int | None:
    """Return how many faults happened; None if none was planned."""
    return len(faults(trace)) if trace.faults else None


def fault_figures(trace: Trace) -> list[dict[str, Any]]:
    """Return the faults that happened as plain values, for JSON."""
    return [{"who": each.who, "what": each.what, "on": each.on, "when": each.why} for each in faults(trace)]
