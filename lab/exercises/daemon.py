"""A daemon ends when its parent's code ends; other children are joined.

A process whose `daemon` is set before it starts is terminated as soon as its
parent's code has ended, whether it has finished or not. The parent joins its
other children first. And a daemon may not have children:
`AssertionError: daemonic processes are not allowed to have children`.

The course's programs:
foo and bar (--how foo): foo, a daemon, needs one second, bar needs three; their
parent's code ends after a tenth. bar finishes, foo does not.
func1 and func2 (--how func): func2, a daemon, prints every half second for
ever; func1 needs three seconds, their parent one. func2 stops printing when its
parent's code ends.
The chat (--how chat): a daemon of a subclass of Process with its own `run`; its
parent runs for long enough, and the daemon finishes.
A daemon that starts a child (--how child): it is refused.

As RQ jobs, the parent and its daemon are two jobs, perhaps on two hosts; the
daemon still ends with its parent's code.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from gettext import gettext as _
from typing import Any, ClassVar, NamedTuple

from lab.checks import delays, verdicts
from lab.checks.clocks import min_elapsed
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.parent_actors import child_process_class
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Event, Trace

REFUSAL = "daemonic processes are not allowed to have children"
MAX_DELAY = 0.4  # seconds from the end of the parent's code to the daemon's end


@actor
def once(me: Recorder, seconds: float, first: str, last: str) -> None:
    """Begin, take some time, and finish."""
    me.record("begins", on=first)
    time.sleep(seconds)
    me.record("finishes", on=last)


@actor
def for_ever(me: Recorder, pause: float, text: str) -> None:
    """Print again and again, and never finish."""
    while True:
        me.record("begins", on=text)
        time.sleep(pause)


@actor
def chat(me: Recorder) -> None:
    """Print who chats with whom."""
    me.record("chats")
    me.record("finishes")


@actor
def with_child(me: Recorder, process: Any, child: Recorder) -> None:
    """Try to start a child."""
    try:
        process(target=chat, args=(child,), name=child.who).start()
    except AssertionError as refusal:
        me.record("is refused", why=str(refusal))
    me.record("finishes")


def chat_class(process: Any) -> Any:
    """Return the course's subclass of a context's Process."""

    class MyProcess(process):  # type: ignore[misc]
        def __init__(self, recorder: Recorder) -> None:
            super().__init__(name=recorder.who)
            self.recorder = recorder

        def run(self) -> None:
            chat(self.recorder)

    return MyProcess


class Child(NamedTuple):
    """A process that the parent starts; without a target, an instance of the course's subclass."""

    recorder: Recorder
    daemon: bool
    target: Callable[..., None] | None = None
    args: tuple[Any, ...] = ()


@actor
def parent(me: Recorder, process: Any, children: Sequence[Child], seconds: float) -> None:
    """Start the children, wait, and reach the end of the code."""
    for child in children:
        if child.target is None:
            started = chat_class(process)(child.recorder)
        else:
            started = process(target=child.target, args=(child.recorder, *child.args), name=child.recorder.who)
        started.daemon = child.daemon
        started.start()
    time.sleep(seconds)
    me.record("code ends")


@dataclasses.dataclass(frozen=True)
class Daemon(Exercise):
    """The course's daemons."""

    name = "daemon"
    summary = N_("a daemon ends with its parent's code; other children are joined")
    printed_lines: ClassVar = {
        "begins": PrintedLine("{on}"),
        "finishes": PrintedLine("{on}"),
        "chats": PrintedLine(N_("{pid} {who}: Nezha is chatting with the streamer")),
        "is refused": PrintedLine("AssertionError: {why}", "red"),
        "code ends": PrintedLine(N_("the main process's code has ended")),
    }

    how: str = choice(
        "which of the course's programs",
        foo=N_("with foo and bar"),
        func=N_("with func1 and func2"),
        chat=N_("with a subclass of Process"),
        child=N_("with a daemon that starts a child"),
    )
    pace: float = parameter(0.5, "seconds for one second of the course", maximum=1000)

    @property
    def actors(self) -> int:
        """The parent, and the plain child or the daemon that has time to finish."""
        return 2

    @property
    def min_workers(self) -> int:
        """The parent and its children run at the same time."""
        return 3 if self.how in ("foo", "func") else 2

    def run_actors(self, run: Run) -> None:
        """Start the parent."""
        children, seconds = self._children(run)
        args = (run.recorder("parent"), child_process_class(run.ctx), children, seconds * self.pace)
        run.start_and_join([run.ctx.Process(target=parent, args=args, name="parent")], max_silence=3 * self.pace)

    def _children(self, run: Run) -> tuple[list[Child], float]:
        daemon = run.recorder("daemon")
        plain = run.recorder("plain child")
        if self.how == "foo":
            foo = Child(daemon, True, once, (self.pace, "123", "end123"))
            return [foo, Child(plain, False, once, (3 * self.pace, "456", "end456"))], 0.1
        if self.how == "func":
            func1 = Child(plain, False, once, (3 * self.pace, "begin", "wahaha"))
            return [func1, Child(daemon, True, for_ever, (self.pace / 2, "in func2"))], 1.0
        if self.how == "chat":
            return [Child(daemon, True)], 2.0
        return [Child(daemon, True, with_child, (child_process_class(run.ctx), run.recorder("grandchild")))], 2.0

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check the daemon's end, the plain child's, and what happens to a daemon's child."""
        found = [_ended_with_code(trace)]
        if self.how in ("foo", "func"):
            found += [_joined(trace)]
            trace = dataclasses.replace(trace, events=tuple(event for event in trace.events if event.who != "daemon"))
        elif self.how == "child":
            found += [_refused(trace)]
        return verdicts.worst([*found, verdicts.all_finished(trace, self.actors)])

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """Who finished, and for how long the daemon outlived its parent's code."""
        finished = {event.who for event in trace.of("finishes")}
        return {
            N_("daemon finished"): "daemon" in finished,
            N_("plain child finished"): "plain child" in finished if self.how in ("foo", "func") else None,
            N_("daemon outlived code by"): _outlived(trace),
            N_("daemon's child refused"): bool(trace.of("is refused")) if self.how == "child" else None,
        }


def _outlived(trace: Trace) -> float | None:
    """Return the time from the end of the parent's code to the daemon's last event; None if the code did not end."""
    return _last_event_after_code(trace, lambda end, event: event.when - end.when)


def _last_event_after_code(trace: Trace, elapsed: Callable[[Event, Event], float]) -> float | None:
    ended = trace.of("code ends")
    if not ended:
        return None
    return max([0.0, *(elapsed(ended[0], event) for event in trace.events if event.who == "daemon")])


def _ended_with_code(trace: Trace) -> verdicts.Verdict:
    outlived = _last_event_after_code(trace, min_elapsed)
    if outlived is None:
        return verdicts.unknown(_("the parent's code did not end"))
    if outlived - delays.allowance(trace) > MAX_DELAY:
        sentence = _("the daemon went on for {seconds:.2f} s after its parent's code had ended")
        return verdicts.invalid(sentence.format(seconds=outlived))
    return verdicts.valid(_("the daemon ended with its parent's code"))


def _joined(trace: Trace) -> verdicts.Verdict:
    """Check that the parent ended after its plain child had finished."""
    order = [event.what for event in trace.events if event.who == "plain child" or event.on == "parent"]
    if "begins" not in order or "joins" not in order:
        return verdicts.unknown(_("the plain child did not begin, or its parent was not joined"))
    if "finishes" not in order[: order.index("joins")]:
        return verdicts.invalid(_("the parent ended before its plain child had finished"))
    return verdicts.valid(_("the plain child was joined"))


def _refused(trace: Trace) -> verdicts.Verdict:
    if started := [event for event in trace.events if event.who == "grandchild"]:
        return verdicts.invalid(_("the daemon started a child"), started[0])
    refusals = trace.of("is refused")
    if not refusals:
        return verdicts.unknown(_("the daemon did not try to start a child"))
    if refusals[0].why != REFUSAL:
        sentence = _("the daemon's child was refused with {error!r}").format(error=refusals[0].why)
        return verdicts.invalid(sentence, refusals[0])
    return verdicts.valid(_("the daemon's child was refused"))
