"""What a program used that its runs could not record."""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _

from lab.formatting import join_clauses, join_list
from lab.programs.run import ProgramRun
from lab.trace import UNRECORDED


def unrecorded(run: ProgramRun) -> list[str]:
    """Return the values and arrays whose reads and writes were not recorded, or not all of them."""
    return list(dict.fromkeys(event.on for each in run.each for event in each.trace.of(UNRECORDED) if event.on))


def explain_unrecorded(runs: Sequence[ProgramRun]) -> str:
    """Return a sentence on what was not recorded on which backends; empty if everything was."""
    names = {run.backend: found for run in runs if (found := unrecorded(run))}
    phrase = _("{value} on {backend}")
    where = join_clauses([phrase.format(value=join_list(found), backend=name) for name, found in names.items()])
    sentence = _("Reads and writes of objects of ctypes in shared memory are not recorded: {where}.")
    return sentence.format(where=where) if names else ""
