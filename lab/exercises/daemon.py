"""A daemon ends when its parent's code ends; any other child is waited for.

A process that has `daemon` set before it is started is ended as soon as its
parent's code has come to its end, whether it has finished or not. A plain child
is waited for. And a daemon may have no children:
`AssertionError: daemonic processes are not allowed to have children`.

The course's programs:
foo and bar (--how foo): foo, a daemon, needs a second, bar three; their parent
ends after a tenth. bar comes to its end, foo never does.
func1 and func2 (--how func): func2, a daemon, prints every half second for
ever; func1 needs three seconds, their parent one. func2 prints no longer than
its parent's code runs.
The chat (--how chat): a subclass of Process with a `run` of its own, a daemon;
its parent waits long enough, and the daemon finishes.
A daemon that wants a child (--how child): the child is refused.

As RQ jobs, the parent and its daemon are two jobs, on two hosts if there are
several; the daemon ends with its parent's code all the same.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from lab.checks import verdicts
from lab.checks.clocks import min_elapsed
from lab.exercise import Exercise, choice, parameter
from lab.formatting import Figure
from lab.printed_lines import PrintedLine
from lab.runtime.parent_actors import child_process_class
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Event, Trace

REFUSAL = "daemonic processes are not allowed to have children"
LATEST = 0.4  # seconds after the end of the parent's code within which a daemon is silent


@actor
def once(me: Recorder, seconds: float, first: str, last: str) -> None:
    """Begin, take a while, and finish."""
    me.record("begins", on=first)
    time.sleep(seconds)
    me.record("finishes", on=last)


@actor
def for_ever(me: Recorder, pause: float, text: str) -> None:
    """Print, and never finish."""
    while True:
        me.record("begins", on=text)
        time.sleep(pause)


@actor
def chat(me: Recorder) -> None:
    """Say who chats with whom."""
    me.record("chats")
    me.record("finishes")


@actor
def with_child(me: Recorder, process: Any, its: Recorder) -> None:
    """Try to have a child."""
    try:
        process(target=chat, args=(its,), name=its.who).start()
    except AssertionError as refusal:
        me.record("is refused", why=str(refusal))
    me.record("finishes")


def chat_class(process: Any) -> Any:
    """Return the course's subclass of a context's Process."""

    class MyProcess(process):  # type: ignore[misc]
        def __init__(self, person: Recorder) -> None:
            super().__init__(name=person.who)
            self.person = person

        def run(self) -> None:
            chat(self.person)

    return MyProcess


class Child(NamedTuple):
    """A process that the parent starts; without a target it is one of the course's subclass."""

    who: Recorder
    daemon: bool
    target: Callable[..., None] | None = None
    args: tuple[Any, ...] = ()


@actor
def parent(me: Recorder, process: Any, children: Sequence[Child], seconds: float) -> None:
    """Start the children, wait for a while, and come to the end of the code."""
    for child in children:
        if child.target is None:
            started = chat_class(process)(child.who)
        else:
            started = process(target=child.target, args=(child.who, *child.args), name=child.who.who)
        started.daemon = child.daemon
        started.start()
    time.sleep(seconds)
    me.record("code ends")


@dataclasses.dataclass(frozen=True)
class Daemon(Exercise):
    """The course's daemons."""

    name = "daemon"
    summary = "a daemon ends with its parent's code; other children are joined"
    printed_lines: ClassVar = {
        "begins": PrintedLine("{on}", "{on}"),
        "finishes": PrintedLine("{on}", "{on}"),
        "chats": PrintedLine("{pid} {who}: 哪吒正在和女主播聊天", "{pid} {who}: Nezha is chatting with the streamer"),
        "is refused": PrintedLine("AssertionError: {why}", "AssertionError: {why}", "red"),
        "code ends": PrintedLine("主进程代码执行结束", "the main process's code has ended"),
    }

    how: str = choice(
        "which program",
        foo="with foo and bar",
        func="with func1 and func2",
        chat="with a subclass of Process",
        child="with a daemon that wants a child",
    )
    pace: float = parameter(0.5, "seconds for one of the course's", maximum=1000)

    @property
    def actors(self) -> int:
        """The parent and the plain child, or the daemon that has time to finish."""
        return 2

    @property
    def min_workers(self) -> int:
        """The parent and its children."""
        return 3 if self.how in ("foo", "func") else 2

    def run_actors(self, run: Run) -> None:
        """Start the parent."""
        children, seconds = self._family(run)
        args = (run.recorder("parent"), child_process_class(run.ctx), children, seconds * self.pace)
        run.start_and_join([run.ctx.Process(target=parent, args=args, name="parent")], max_silence=3 * self.pace)

    def _family(self, run: Run) -> tuple[list[Child], float]:
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
        """Judge the daemon's end, the plain child's, and what becomes of a daemon's child."""
        found = [_silent(trace)]
        if self.how in ("foo", "func"):
            found += [_waited_for(trace)]
            trace = dataclasses.replace(trace, events=tuple(event for event in trace.events if event.who != "daemon"))
        elif self.how == "child":
            found += [_refused(trace)]
        return verdicts.worst([*found, verdicts.all_finished(trace, self.actors)])

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """Who finished, and for how long the daemon went on after its parent's code."""
        finished = {event.who for event in trace.of("finishes")}
        return {
            "daemon finished": "daemon" in finished,
            "plain child finished": "plain child" in finished if self.how in ("foo", "func") else None,
            "daemon went on for": _went_on(trace),
            "daemon's child refused": bool(trace.of("is refused")) if self.how == "child" else None,
        }


def _went_on(trace: Trace) -> float | None:
    """Return the time from the end of the parent's code to the daemon's last sign of life; None if it did not end."""
    return _after_the_code(trace, lambda end, sign: sign.when - end.when)


def _after_the_code(trace: Trace, between: Callable[[Event, Event], float]) -> float | None:
    ended = trace.of("code ends")
    if not ended:
        return None
    return max([0.0, *(between(ended[0], event) for event in trace.events if event.who == "daemon")])


def _silent(trace: Trace) -> verdicts.Verdict:
    surely = _after_the_code(trace, min_elapsed)
    if surely is None:
        return verdicts.unknown("the parent's code did not come to its end")
    if surely > LATEST:
        return verdicts.invalid(f"the daemon went on for {surely:.2f} s after its parent's code had ended")
    return verdicts.valid("the daemon ended with its parent's code")


def _waited_for(trace: Trace) -> verdicts.Verdict:
    """Check that the lab saw the parent's end after the plain child's."""
    order = [event.what for event in trace.events if event.who == "plain child" or event.on == "parent"]
    if "begins" not in order or "joins" not in order:
        return verdicts.unknown("the plain child did not begin, or nobody waited for its parent")
    if "finishes" not in order[: order.index("joins")]:
        return verdicts.invalid("the parent ended before its plain child had finished")
    return verdicts.valid("the plain child was waited for")


def _refused(trace: Trace) -> verdicts.Verdict:
    if any(event.who == "grandchild" for event in trace.events):
        return verdicts.invalid("the daemon had a child")
    refusals = [event.why for event in trace.of("is refused")]
    if not refusals:
        return verdicts.unknown("the daemon did not try to have a child")
    if refusals[0] != REFUSAL:
        return verdicts.invalid(f"the daemon's child was refused with {refusals[0]!r}")
    return verdicts.valid("the daemon's child was refused")
