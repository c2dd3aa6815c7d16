"""Who waited for what when a run was stopped, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.checks.waits import PERMITS, State, Wait
from lab.formatting import join_names
from lab.trace import Process

MAX_WAITS = 8  # that are described


def explain_state(state: State, *, complete: bool = True) -> str:
    """Return who waited for what, and the cycle if there is one, with `{}` where the backend is named.

    Unless the state is `complete`, a process that is not in it may end a wait.
    """
    cycle, vain = state.cycle(), state.waits_in_vain()
    waits = sorted(state.waits.values(), key=lambda wait: wait.who)
    if cycle:
        others = [wait for wait in waits if wait not in cycle]
        also = f" Also waiting: {_list(others, state)}." if others else ""
        return f"Deadlock on {{}}: {_list(cycle, state)}.{also}"
    if vain and len(vain) == len(waits) and complete:
        return f"All processes waited on {{}}, and none could go on: {_list(waits, state)}."
    return f"Waiting on {{}} when it was stopped: {_list(waits, state)}." if waits else ""


def _list(waits: Iterable[Wait], state: State) -> str:
    waiters: dict[str, list[str]] = {}
    for wait in waits:
        waiters.setdefault(_describe(wait, state), []).append(wait.who)
    phrases = [_phrase(names, what).replace("{", "{{").replace("}", "}}") for what, names in waiters.items()]
    more = [f"and {len(phrases) - MAX_WAITS} more"] if len(phrases) > MAX_WAITS else []
    return "; ".join(phrases[:MAX_WAITS] + more)


def _phrase(names: Sequence[str], what: str) -> str:
    return f"{join_names(names)} wait{'s' if len(names) == 1 else ''} for {what}"


def _describe(wait: Wait, state: State) -> str:
    if not wait.kind:
        return f"{wait.on} to end"
    if wait.kind == "event":
        return f"{wait.on} to be set"
    if wait.kind == "condition":
        return f"{wait.on} to be notified"
    if wait.kind == "barrier":
        return f"{wait.on}, which waits for {state.limits[wait.on]} processes"
    if wait.begin.what == "begins put":
        limit = state.limits.get(wait.on)
        return f"room in {wait.on}" + (f", which has room for {limit}" if limit else "")
    if wait.kind in PERMITS:
        return f"{wait.on}, which {_holders(wait, state)}"
    return f"an item in {wait.on}"


def _holders(wait: Wait, state: State) -> str:
    holders = state.blockers(wait)
    if not holders:
        return "nobody holds"
    names = join_names([process[-1] + _end(process, state) for process in holders])
    return f"{names} hold{'s' if len(holders) == 1 else ''}"


def _end(process: Process, state: State) -> str:
    if process in state.killed:
        return " (killed)"
    return " (ended)" if state.ended(process) else ""
