"""What a program used that its runs could not record."""

from __future__ import annotations

from collections.abc import Sequence

from lab.programs.run import ProgramRun
from lab.trace import UNRECORDED


def unrecorded(run: ProgramRun) -> list[str]:
    """Return the values and arrays whose reads and writes were not recorded, or not all of them."""
    return list(dict.fromkeys(event.on for each in run.each for event in each.trace.of(UNRECORDED) if event.on))


def explain_unrecorded(runs: Sequence[ProgramRun]) -> str:
    """Return a sentence on what was not recorded on which backends; empty if everything was."""
    names = {run.backend: found for run in runs if (found := unrecorded(run))}
    where = "; ".join(f"{', '.join(found)} on {backend}" for backend, found in names.items())
    return f"Reads and writes of objects of ctypes in shared memory are not recorded: {where}." if names else ""
