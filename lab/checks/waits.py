"""Waits of a program: who waited for what when it was stopped, and who of them waited in vain.

A process waits in vain if every process that could end its wait does so, too: all holders of a lock or of a semaphore's
permits, or the process that it joins. For a queue, a pipe or an event that could be any process, so only if all of them
wait is it in vain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lab.trace import DIES, LET_IN, STOP, Event, Process, Trace

BEGINS = ("requests", "begins put", "waits")
SUCCEEDS = ("enters", "gets", "puts", "wakes", "joins")
FAILS = ("times out", "gives up")
PERMITS = ("lock", "semaphore")
CONDITION = "condition"


@dataclass(frozen=True)
class Wait:
    """What a process waits for since the event `begin`; `kind` is the primitive's, empty for a process."""

    begin: Event
    kind: str

    @property
    def process(self) -> Process:
        """The process that waits."""
        return self.begin.process

    @property
    def on(self) -> str:
        """The name of what it waits for."""
        return self.begin.on or ""

    @property
    def unlimited(self) -> bool:
        """Whether it waits without a timeout."""
        return self.begin.value is None

    @property
    def who(self) -> str:
        """The name of the process that waits."""
        return self.process[-1]


@dataclass
class State:
    """What the processes of a program were doing at some moment."""

    kinds: dict[str, str] = field(default_factory=dict)  # of primitives, by name
    limits: dict[str, int | None] = field(default_factory=dict)
    holders: dict[str, list[Process]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[Process, Wait] = field(default_factory=dict)
    running: set[Process] = field(default_factory=set)
    killed: set[Process] = field(default_factory=set)  # by a fault
    leases: bool = False  # whether what an ended process holds becomes free

    def ended(self, process: Process) -> bool:
        """Return whether a process has ended; its threads have ended with it."""
        return (*process[:2], process[-1].partition("/")[0]) not in self.running

    def waits_in_vain(self) -> dict[Process, Wait]:
        """Return the waits that cannot end."""
        unlimited = {process: wait for process, wait in self.waits.items() if wait.unlimited}
        all_wait = self.running and self.running <= unlimited.keys()
        if all_wait and not any(self._joins_inactive(wait) for wait in unlimited.values()):
            return unlimited
        while endable := [process for process, wait in unlimited.items() if not self._in_vain(wait, unlimited)]:
            for process in endable:
                del unlimited[process]
        return unlimited

    def cycle(self) -> list[Wait]:
        """Return waits of which each is for what the process of the next one holds, and the last for the first's."""
        vain = self.waits_in_vain()
        for start in sorted(vain, key=_name):
            path: list[Wait] = []
            process: Process | None = start
            while process is not None and vain[process] not in path:
                path.append(vain[process])
                process = next((other for other in self.blockers(path[-1]) if other in vain), None)
            if process is not None:
                return _rotated(path[path.index(vain[process]) :])
        return []

    def blockers(self, wait: Wait) -> list[Process]:
        """Return the processes that can end a wait: those that hold what it is for, or the process that it joins."""
        if wait.kind in PERMITS:
            return sorted(set(self.holders[wait.on]), key=_name)
        return [process for process in self.running if process[-1] == wait.on] if not wait.kind else []

    def _joins_inactive(self, wait: Wait) -> bool:
        """Return whether a wait is for the end of a process that has not started yet, or has ended."""
        return not wait.kind and wait.on != "" and not self.blockers(wait)

    def _in_vain(self, wait: Wait, others: Iterable[Process]) -> bool:
        blockers = self.blockers(wait)
        if not blockers or (wait.kind in PERMITS and len(self.holders[wait.on]) < (self.limits[wait.on] or 1)):
            return False
        return all(process in others or (self.ended(process) and not self.leases) for process in blockers)


def _name(process: Process) -> str:
    return process[-1]


def _rotated(cycle: list[Wait]) -> list[Wait]:
    """Return a cycle that begins with the smallest name, so that the same cycle reads the same in each run."""
    first = min(range(len(cycle)), key=lambda place: cycle[place].who)
    return cycle[first:] + cycle[:first]


def state_at_stop(trace: Trace, limits: Mapping[str, int] | None = None) -> State:
    """Return what the processes did when the lab stopped the run, or at the end.

    A program's trace says how many permits there are of each primitive; for the sections of an exercise, `limits` does.
    """
    limits = limits or {}
    state = State(dict.fromkeys(limits, "semaphore"), dict(limits), leases=trace.backend != "local")
    for event in trace.events:
        if event.what == STOP:
            break
        _apply(state, event)
    return state


def _apply(state: State, event: Event) -> None:
    on, process = event.on or "", event.process
    if event.what == "creates":
        state.kinds[on], state.limits[on] = event.why or "", event.value
    elif event.what in BEGINS:
        state.waits[process] = Wait(event, state.kinds.get(on, ""))
    elif event.what in SUCCEEDS + FAILS:
        state.waits.pop(process, None)
    elif event.what == "notifies":
        _notify(state, event)
    if event.what in ("starts", "starts run"):
        state.running.add(process)
    elif event.what in ("ends", "fails", "ends run"):
        _end(state, [process])
    elif event.what == DIES:
        state.killed.add(process)
        _end(state, [process])
        if event.why == LET_IN:
            state.holders[on].append(process)
    elif event.what in ("joins", "terminates"):
        _end(state, [process for process in state.running if process[-1] == on])
    elif event.what == "enters":
        state.holders[on].append(process)
    elif event.what == "leaves" and state.holders[on]:
        holders = state.holders[on]
        holders.remove(process if process in holders else holders[0])  # another process may release it


def _notify(state: State, notification: Event) -> None:
    """Make those that have waited longest for a condition wait for its lock; `why` of their wait is its name."""
    waiting = [process for process, wait in state.waits.items() if (wait.on, wait.kind) == (notification.on, CONDITION)]
    for process in waiting[: notification.value]:
        begin = state.waits[process].begin
        state.waits[process] = Wait(replace(begin, what="requests", on=begin.why, value=None), "lock")


def _end(state: State, processes: Iterable[Process]) -> None:
    for ended in processes:
        state.running.discard(ended)
        for process in [process for process in state.waits if state.ended(process)]:
            del state.waits[process]
