"""A child process changes a global, and its parent needs what it came to.

Processes share no memory. The child has a global of its own: what it makes of
it, the parent never sees, on whichever machine either of them runs. If the
parent needs the child's result, both have to want it, and something has to
carry it: a socket (the course's first answer), a pipe, a queue, or whatever the
place where the child ran keeps of it: its exit code, a number up to 255, and of
an RQ job also what it returned.

The comparison shows that the parent's global is untouched everywhere, and how
long each way takes from the child's change until the parent knows of it.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.checks import verdicts
from lab.exercise import Exercise, choice
from lab.formatting import Figure
from lab.printed_lines import PrintedLine
from lab.runtime.addresses import own_address, server_url
from lab.runtime.parent_actors import child_process_class
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

BEFORE = 100
PATIENCE = 20.0  # seconds after which a child that says nothing has failed

count = BEFORE  # every process has one


def child(
    me: Recorder,
    how: str,
    way: Any,
    returns: bool,
) -> int:
    """Change the global, and say what it has become."""
    global count
    me.record("starts")
    count -= 1
    me.record("changes", value=count)
    if how == "socket":
        with socket.create_connection(way) as connection:
            connection.sendall(str(count).encode())
    elif how == "pipe":
        way.send(count)
        way.close()
    elif how == "queue":
        way.put(count)
    me.record("ends", last=True)
    if how == "result" and not returns:
        sys.exit(count)
    return count


@actor
def parent(
    me: Recorder,
    its: Recorder,
    process: Any,
    how: str,
    ways: tuple[Any, Any],
    url: str | None,
) -> None:
    """Start the child, hear what it came to, and look at the global."""
    receiver, way = ways
    if how == "socket":
        receiver = socket.create_server((own_address(url), 0))
        receiver.settimeout(PATIENCE)
        way = receiver.getsockname()
    started = process(target=child, args=(its, how, way, hasattr(process, "job")), name=its.who)
    started.start()
    result = _receive(how, receiver) if receiver is not None else _kept(started)
    me.record("gets", value=result)
    started.join()
    me.record("sees", value=count)


def _receive(how: str, receiver: Any) -> int:
    if how == "socket":
        with receiver, receiver.accept()[0] as connection:
            return int(connection.makefile().read())
    if how == "queue":
        return int(receiver.get(timeout=PATIENCE))
    if not receiver.poll(PATIENCE):
        raise TimeoutError("nothing came through the pipe")
    return int(receiver.recv())


def _kept(started: Any) -> int:
    """Return what the place where the child ran has kept of it."""
    started.join()
    if not hasattr(started, "job"):
        return int(started.exitcode)
    return int(started.job.latest_result(timeout=int(PATIENCE)).return_value)  # RQ writes it after the end


@dataclass(frozen=True)
class Isolation(Exercise):
    """The course's first lesson on processes."""

    name = "isolation"
    summary = "a child changes a global; its parent's copy stays as it was"
    printed_lines: ClassVar = {
        "changes": PrintedLine("子进程内: {value}", "in the child: {value}"),
        "gets": PrintedLine("子进程的执行结果: {value}", "the child's result: {value}"),
        "sees": PrintedLine("主进程内: {value}", "in the parent: {value}"),
    }

    how: str = choice(
        "how the result comes back",
        socket="by socket",
        pipe="by pipe",
        queue="by queue",
        result="by exit code or RQ result",
    )

    @property
    def actors(self) -> int:
        """The parent and the child."""
        return 2

    @property
    def min_workers(self) -> int:
        """The parent waits for the child."""
        return 2

    def run_actors(self, run: Run) -> None:
        """Start the parent."""
        ways: tuple[Any, Any] = (None, None)
        if self.how == "pipe":
            ways = run.ctx.Pipe(duplex=False)
        elif self.how == "queue":
            queue = run.ctx.Queue()
            ways = (queue, queue)
        recorders = (run.recorder("parent"), run.recorder("child"))
        args = (*recorders, child_process_class(run.ctx), self.how, ways, server_url(run.ctx))
        run.start_and_join([run.ctx.Process(target=parent, args=args, name="parent")], max_silence=PATIENCE)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Judge whether the parent's global is untouched and the result received."""
        return verdicts.worst([_untouched(trace), _arrived(trace), verdicts.all_finished(trace, self.actors)])

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """Both globals, and how long the result was on its way."""
        changed, got, sees = (next(iter(trace.of(what)), None) for what in ("changes", "gets", "sees"))
        return {
            "child's global": str(changed.value) if changed else None,
            "parent's global": str(sees.value) if sees else None,
            "result received": bool(got and changed and got.value == changed.value),
            "on its way for": got.when - changed.when if got and changed else None,
        }


def _untouched(trace: Trace) -> verdicts.Verdict:
    changed, seen = trace.of("changes"), trace.of("sees")
    if not changed or not seen:
        return verdicts.unknown("nobody changed the global, or nobody looked at it afterwards")
    if seen[0].value != BEFORE:
        return verdicts.invalid(f"the child made {changed[0].value} of its global, and the parent's is {seen[0].value}")
    return verdicts.valid(f"the child's global is {changed[0].value}, the parent's still {BEFORE}")


def _arrived(trace: Trace) -> verdicts.Verdict:
    changed, got = trace.of("changes"), trace.of("gets")
    if not changed or not got:
        return verdicts.unknown("no result came back")
    if got[0].value != changed[0].value:
        return verdicts.invalid(f"the child came to {changed[0].value}, and its parent heard {got[0].value}")
    return verdicts.valid("its parent was told")
