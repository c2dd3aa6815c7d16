"""A lock is a key: whoever comes second waits until the first one returns it.

The course's smallest program acquires a lock, prints 111, releases it, acquires
it again and prints 222; without the release, the second acquire blocks forever.

Here the first process acquires the lock and prints 111. While it holds it, the
second process asks for it. So does the first process itself, with a timeout: a
lock is not reentrant, and whoever acquires it twice waits for itself. When the
first process releases the lock, the second one prints 222.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from gettext import gettext as _
from typing import ClassVar

from lab.checks import verdicts
from lab.exercise import Exercise, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Event, Permits
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

REQUEST_TIMEOUT = 20.0  # seconds: a second process that has not asked by then has failed


@actor
def first(
    me: Recorder,
    lock: Permits,
    held: Event,
    requested: Event,
    pace: float,
) -> None:
    """Acquire the lock, try to acquire it again, and release it when the second process has asked for it."""
    with me.inside("lock", lock):
        me.record("prints", value=111)
        held.set()
        again = lock.acquire(timeout=pace)
        me.record("acquires again" if again else "times out")
        requested.wait(REQUEST_TIMEOUT)


@actor
def second(
    me: Recorder,
    lock: Permits,
    held: Event,
    requested: Event,
) -> None:
    """Ask for the lock while it is held."""
    held.wait()
    with me.inside("lock", lock, on_request=requested.set):
        me.record("prints", value=222)


@dataclass(frozen=True)
class Lock(Exercise):
    """The course's smallest program with a lock."""

    name = "lock"
    summary = N_("a second acquire waits until the first holder releases")
    section = "lock"
    printed_lines: ClassVar = {"prints": PrintedLine("{value}")}

    pace: float = parameter(0.5, "seconds of the second acquire's timeout", maximum=1000)

    @property
    def actors(self) -> int:
        """The first process and the second one."""
        return 2

    @property
    def min_workers(self) -> int:
        """The second process asks while the first one holds the lock."""
        return 2

    def run_actors(self, run: Run) -> None:
        """Start both."""
        lock, held, requested = run.ctx.Lock(), run.ctx.Event(), run.ctx.Event()
        first_args = (run.recorder("first"), lock, held, requested, self.pace)
        second_args = (run.recorder("second"), lock, held, requested)
        actors = [
            run.ctx.Process(target=first, args=first_args, name="first"),
            run.ctx.Process(target=second, args=second_args, name="second"),
        ]
        run.start_and_join(actors, max_silence=self.pace + REQUEST_TIMEOUT)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that nobody acquires the lock while it is held, not even its holder."""
        return verdicts.worst(
            [
                verdicts.within_limit(trace, self.section, self.limit),
                _second_waits(trace),
                verdicts.fences_increase(trace, self.section),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """Who had to wait."""
        return {
            N_("second process waits"): _asks_while_held(trace),
            N_("holder waits for itself"): bool(trace.of("times out")),
        }


def _second_waits(trace: Trace) -> verdicts.Verdict:
    if again := trace.of("acquires again"):
        return verdicts.invalid(_("the first process acquired the lock again while it held it"), *again)
    if not _asks_while_held(trace):
        return verdicts.unknown(_("the second process did not ask for the lock while the first one held it"))
    return verdicts.valid(_("the second process asked while the first one held the lock, and got it after the release"))


def _asks_while_held(trace: Trace) -> bool:
    held = False
    for event in trace.of("requests", "enters", "leaves"):
        if event.who == "second":
            return held
        held = event.what == "enters"
    return False
