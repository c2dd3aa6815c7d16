"""What the processes of a stopped program waited for, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.checks.metrics import max_concurrent
from lab.checks.waits import PERMITS, State, Wait, state_at_stop
from lab.programs.run import ProgramRun

MAX_WAITS = 8  # that are described


def explain_waits(runs: Sequence[ProgramRun]) -> str:
    """Return who waited for what in the runs that were stopped, and the cycle if there is one."""
    backends: dict[str, list[str]] = {}
    for run in (each for group in runs for each in group.each):
        if run.exit_code is None:
            backends.setdefault(_explain(run), []).append(run.backend)
    return " ".join(text.format(", ".join(dict.fromkeys(names))) for text, names in backends.items() if text)


def _explain(run: ProgramRun) -> str:
    """Return the sentences on one run, with `{}` where its backend is named."""
    state = state_at_stop(run.trace)
    cycle, vain = state.cycle(), state.waits_in_vain()
    waits = sorted(state.waits.values(), key=lambda wait: wait.who)
    if cycle:
        others = [wait for wait in waits if wait not in cycle]
        also = f" Also waiting: {_list(others, state)}." if others else ""
        return f"Deadlock on {{}}: {_list(cycle, state)}.{also}"
    if vain and len(vain) == len(waits) and not _workers_are_short(run):
        return f"All processes waited on {{}}, and none could go on: {_list(waits, state)}."
    return f"Waiting on {{}} when it was stopped: {_list(waits, state)}." if waits else ""


def _workers_are_short(run: ProgramRun) -> bool:
    """Return whether a process may not have started yet, which would end a wait."""
    return run.trace.workers is not None and max_concurrent(run.trace) >= run.trace.workers


def _list(waits: Iterable[Wait], state: State) -> str:
    phrases = [_describe(wait, state).replace("{", "{{").replace("}", "}}") for wait in waits]
    more = [f"and {len(phrases) - MAX_WAITS} more"] if len(phrases) > MAX_WAITS else []
    return "; ".join(phrases[:MAX_WAITS] + more)


def _describe(wait: Wait, state: State) -> str:
    if not wait.kind:
        return f"{wait.who} waits for {wait.on} to end"
    if wait.kind == "event":
        return f"{wait.who} waits for {wait.on} to be set"
    if wait.begin.what == "begins put":
        limit = state.limits.get(wait.on)
        return f"{wait.who} waits for room in {wait.on}" + (f", which has room for {limit}" if limit else "")
    if wait.kind in PERMITS:
        return f"{wait.who} waits for {wait.on}, which {_holders(wait, state)}"
    return f"{wait.who} waits for an item in {wait.on}"


def _holders(wait: Wait, state: State) -> str:
    holders = state.blockers(wait)
    if not holders:
        return "nobody holds"
    names = " and ".join(f"{process[-1]} (ended)" if state.ended(process) else process[-1] for process in holders)
    return f"{names} hold{'s' if len(holders) == 1 else ''}"
