"""What the processes of a stopped program waited for, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from lab.checks.metrics import max_concurrent
from lab.checks.waits import state_at_stop
from lab.formatting import join_list, join_sentences
from lab.programs.run import ProgramRun
from lab.report.waits import explain_state


def explain_waits(runs: Sequence[ProgramRun]) -> str:
    """Return who waited for what in the runs that were stopped, and the cycle if there is one."""
    backends: dict[str, list[str]] = {}
    for run in (each for group in runs for each in group.each):
        if run.exit_code is None:
            text = explain_state(state_at_stop(run.trace), complete=not _workers_are_short(run))
            backends.setdefault(text, []).append(run.backend)
    sentences = [text.format(join_list(list(dict.fromkeys(names)))) for text, names in backends.items() if text]
    return join_sentences(sentences)


def _workers_are_short(run: ProgramRun) -> bool:
    """Return whether a process may not have started yet, which would end a wait."""
    return run.trace.workers is not None and max_concurrent(run.trace) >= run.trace.workers
