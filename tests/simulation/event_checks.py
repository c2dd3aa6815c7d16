"""Checks of events: no `set` is missed, and no wait succeeds without one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.simulation.history import Call, Entry, Happened, Ran
from tests.simulation.schedule import DATA_LOSS, Schedule
from tests.simulation.violation import REACTION, SLACK, Disturbances, Violation

READS = ("read", "wait")


@dataclass(slots=True)
class _Wait:
    started: float
    set_since: bool  # whether the flag was set at some time since it began
    sets: list[float] = field(default_factory=list)  # when the flag was set, since its first reply
    missed: float | None = None  # the first of those that a later reply should have shown
    reads: int = 0


def no_set_is_missed(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A wait returns True if the flag was set while it waited, and False if it was not."""
    waits, is_set, known = dict[bytes, _Wait](), False, True
    cleared, forgotten = (
        set[bytes](),
        set[bytes](),
    )  # calls of clear; the server may have lost what it did
    for entry in history:
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            known = False
            forgotten |= cleared
            for wait in waits.values():
                wait.sets.clear()
                wait.missed, wait.set_since = None, True
        elif isinstance(entry, Ran) and entry.script == "set" and entry.messages:
            is_set = known = True
            for wait in waits.values():
                wait.set_since = True
                if wait.reads:
                    wait.sets.append(entry.time)
        elif isinstance(entry, Ran) and entry.script == "clear":
            if entry.token in forgotten:
                known = False
            elif entry.token not in cleared:
                is_set, known = False, True
            cleared.add(entry.token)
        elif isinstance(entry, Ran) and entry.script in READS and entry.delivered:
            if known and bool(entry.reply[0]) != is_set:
                yield Violation("event", entry.time, f"the flag is {entry.reply[0]}, and should be {is_set}")
            wait = waits.get(entry.token.rpartition(b":")[0])
            if wait is not None:
                wait.reads += 1
                if wait.sets and wait.missed is None:
                    wait.missed = wait.sets[0]
        elif isinstance(entry, Call) and entry.call == "wait" and entry.token is not None:
            if entry.status == "invoked":
                waits[entry.token] = _Wait(entry.time, is_set or not known)
                continue
            wait = waits.pop(entry.token)
            if entry.status == "succeeded" and entry.value and not wait.set_since:
                yield Violation("event", entry.time, f"process {entry.process} saw the flag, which was not set")
            if entry.status == "succeeded" and not entry.value and wait.missed is not None:
                yield Violation("event", entry.time, f"process {entry.process} missed the set at {wait.missed:.6f}")


def waiters_are_woken_at_once(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """A wait ends when the flag is set, unless a fault disturbs it."""
    waits, faults = dict[bytes, _Wait](), Disturbances(REACTION)
    for entry in history:
        faults.follow(entry)
        if isinstance(entry, Ran) and entry.script == "set" and entry.messages:
            for wait in waits.values():
                if wait.reads:
                    wait.sets.append(entry.time)
        elif isinstance(entry, Ran) and entry.script in READS and entry.delivered:
            if (each := waits.get(entry.token.rpartition(b":")[0])) is not None:
                each.reads += 1
        elif isinstance(entry, Call) and entry.call == "wait" and entry.token is not None:
            if entry.status == "invoked":
                waits[entry.token] = _Wait(entry.time, False)
                continue
            wait = waits.pop(entry.token)
            calm = faults.are_over(entry.process, wait.started)
            if wait.sets and calm and entry.status == "succeeded" and entry.time - wait.sets[0] > SLACK:
                late = entry.time - wait.sets[0]
                yield Violation("wake-up", entry.time, f"process {entry.process} was woken {late:.3f} s late")
