"""A rung of the ladder: a broken lock, the trials that break it, and what a learner reads about it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from gettext import gettext as _
from importlib.resources import files
from itertools import chain, repeat
from types import CodeType

from lab.checks.verdicts import Judgement, Verdict
from lab.learn.actor import Actor
from lab.learn.behaviors import LEASE, Behavior
from lab.learn.faults import WORK, Fault
from lab.learn.judging import Judge
from lab.learn.version import compile_version, create
from lab.learn.virtual_run import VirtualRun
from lab.trace import Trace

MAX_REAL_TIME = 5.0  # seconds that a run may take: by so much earlier, keys expire
ATTEMPTS = 3  # until a run is as short as that
MAX_POINTS = 100  # at which a fault meets one call
NAMES = "ABCDE"  # of the actors
KEY = "job"  # the lock's name on the server


@dataclass(frozen=True)
class Trial:
    """A run with a fault, at each request of a call in turn, or without one."""

    actors: tuple[tuple[Behavior, float], ...]  # of A, B and so on, and when each begins
    judge: Judge
    until: float  # seconds; whoever still waits then waits in vain
    fault: Fault | None = None
    clock_offsets: tuple[float, ...] = ()  # of the actors' wall clocks

    def faults(self) -> Iterator[Fault | None]:
        """Return the fault at each of its points: halfway through the work, or before each request of a call."""
        if self.fault is None or self.fault.call == WORK:
            yield self.fault
        else:
            for number in range(1, MAX_POINTS):
                yield dataclasses.replace(self.fault, number=number)


@dataclass(frozen=True)
class Rung:
    """A broken lock or semaphore. What a learner reads is in `title`, `task`, `hints` and `explanation`, in English."""

    name: str
    title: str
    task: str
    hints: tuple[str, str, str]
    explanation: str
    trials: tuple[Trial, ...]
    class_name: str = "Lock"
    clients: int = 1  # more than one are passed as a list
    arguments: tuple[object, ...] = (LEASE,)

    def code(self) -> str:
        """Return the broken class."""
        return (files(__package__ or "") / "files" / f"{self.name}.py").read_text("utf-8")

    def file(self) -> str:
        """Return the learner's file, with the task in the learner's language."""
        return f'"""{_(self.title)}\n\n{_(self.task)}\n"""\n\n{self.code()}'


@dataclass(frozen=True)
class Outcome:
    """What the trials have shown; without a trace, the version holds."""

    runs: int
    verdict: Verdict | None = None
    fault: Fault | None = None
    trace: Trace | None = None


def check(rung: Rung, source: str, url: str) -> Outcome:
    """Run all trials until one fails; raise `UnjudgedError` if that is not possible.

    The server at `url` is emptied.
    """
    code, runs = compile_version(source), 0
    for trial in rung.trials:
        for fault in trial.faults():
            runs += 1
            trace, met = _run(rung, trial, fault, code, url)
            verdict = trial.judge(trace)
            if verdict.judgement is not Judgement.VALID:
                return Outcome(runs, verdict, fault if met else None, trace)
            if not met:
                break
    return Outcome(runs)


def _run(rung: Rung, trial: Trial, fault: Fault | None, code: CodeType, url: str) -> tuple[Trace, bool]:
    for _attempt in range(ATTEMPTS):
        begun = time.monotonic()
        with VirtualRun(url, fault) as run:
            offsets = chain(trial.clock_offsets, repeat(0.0))
            for name, (behavior, start), offset in zip(NAMES, trial.actors, offsets, strict=False):
                run.add(Actor(run, name, len(run.actors) + 1, _behavior(rung, behavior, code), start, offset))
            trace = run.run(trial.until)
        if time.monotonic() - begun < MAX_REAL_TIME:
            break
    return trace, run.fault_met


def _behavior(rung: Rung, behavior: Behavior, code: CodeType) -> Callable[[Actor], None]:
    def behave(me: Actor) -> None:
        clients = me.clients(rung.clients)
        behavior(
            me, create(me, code, rung.class_name, clients if rung.clients > 1 else clients[0], KEY, *rung.arguments)
        )

    return behave
