"""Who waited for what when a run was stopped, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from gettext import gettext as _
from gettext import ngettext

from lab.checks.waits import PERMITS, State, Wait
from lab.formatting import fill_in, join_clauses, join_names, join_sentences
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
        also = _("Also waiting: {waits}.").format(waits=_list(others, state)) if others else ""
        return join_sentences([_on_backends(_("Deadlock on {backends}: {waits}."), cycle, state), also])
    if vain and len(vain) == len(waits) and complete:
        return _on_backends(_("All processes waited on {backends}, and none could go on: {waits}."), waits, state)
    return _on_backends(_("Waiting on {backends} when it was stopped: {waits}."), waits, state) if waits else ""


def _on_backends(sentence: str, waits: Iterable[Wait], state: State) -> str:
    return sentence.format(backends="{}", waits=_list(waits, state))


def _list(waits: Iterable[Wait], state: State) -> str:
    waiters: dict[str, list[str]] = {}
    for wait in waits:
        waiters.setdefault(_describe(wait, state), []).append(wait.who)
    phrases = [_phrase(names, what).replace("{", "{{").replace("}", "}}") for what, names in waiters.items()]
    more = [_("and {count} more").format(count=len(phrases) - MAX_WAITS)] if len(phrases) > MAX_WAITS else []
    return join_clauses(phrases[:MAX_WAITS] + more)


def _phrase(names: Sequence[str], what: str) -> str:
    sentence = ngettext("{names} waits for {what}", "{names} wait for {what}", len(names))
    return fill_in(sentence, names=join_names(names), what=what)


def _describe(wait: Wait, state: State) -> str:
    if not wait.kind:
        return _("{name} to end").format(name=wait.on)
    if wait.kind == "event":
        return _("{name} to be set").format(name=wait.on)
    if wait.kind == "condition":
        return _("{name} to be notified").format(name=wait.on)
    if wait.kind == "barrier":
        return _("{name}, which waits for {count} processes").format(name=wait.on, count=state.limits[wait.on])
    if wait.begin.what == "begins put":
        limit = state.limits.get(wait.on)
        sentence = _("room in {name}, which has room for {limit}") if limit else _("room in {name}")
        return sentence.format(name=wait.on, limit=limit)
    if wait.kind in PERMITS:
        return _held(wait, state)
    return _("an item in {name}").format(name=wait.on)


def _held(wait: Wait, state: State) -> str:
    """Return a lock or a semaphore, with the processes that hold it."""
    holders = state.blockers(wait)
    if not holders:
        return _("{name}, which nobody holds").format(name=wait.on)
    sentence = ngettext("{name}, which {holders} holds", "{name}, which {holders} hold", len(holders))
    return sentence.format(name=wait.on, holders=join_names([_holder(process, state) for process in holders]))


def _holder(process: Process, state: State) -> str:
    if process in state.killed:
        return _("{who} (killed)").format(who=process[-1])
    return _("{who} (ended)").format(who=process[-1]) if state.ended(process) else process[-1]
