"""A child process changes a global, and its parent needs the result.

Processes share no memory. The child has its own copy of the global, and its
parent never sees the change, on whichever host either of them runs. If the
parent needs the child's result, both have to agree on it, and something has to
carry it: a socket (the course's first answer), a pipe, a queue, or whatever is
kept of the child after its end: an exit code, which is a number up to 255, and
of an RQ job also its return value.

The comparison shows that the parent's global is unchanged everywhere, and how
long each way takes from the child's change until the parent has the result.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from gettext import gettext as _
from typing import Any, ClassVar

from lab.checks import verdicts
from lab.exercise import Exercise, choice
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.addresses import own_address, server_url
from lab.runtime.parent_actors import child_process_class
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

INITIAL = 100
RESULT_TIMEOUT = 20.0  # seconds: a child that has sent nothing by then has failed

count = INITIAL  # each process has its own copy


def child(
    me: Recorder,
    how: str,
    channel: Any,
    returns_result: bool,
) -> int:
    """Change the global, and send its new value."""
    global count
    me.record("starts")
    count -= 1
    me.record("changes", value=count)
    if how == "socket":
        with socket.create_connection(channel) as connection:
            connection.sendall(str(count).encode())
    elif how == "pipe":
        channel.send(count)
        channel.close()
    elif how == "queue":
        channel.put(count)
    me.record("ends", last=True)
    if how == "result" and not returns_result:
        sys.exit(count)
    return count


@actor
def parent(
    me: Recorder,
    child_recorder: Recorder,
    process: Any,
    how: str,
    channels: tuple[Any, Any],
    url: str | None,
) -> None:
    """Start the child, receive its result, and look at the global."""
    receiver, sender = channels
    if how == "socket":
        receiver = socket.create_server((own_address(url), 0))
        receiver.settimeout(RESULT_TIMEOUT)
        sender = receiver.getsockname()
    args = (child_recorder, how, sender, hasattr(process, "job"))
    started = process(target=child, args=args, name=child_recorder.who)
    started.start()
    result = _receive(how, receiver) if receiver is not None else _stored_result(started)
    me.record("gets", value=result)
    started.join()
    me.record("sees", value=count)


def _receive(how: str, receiver: Any) -> int:
    if how == "socket":
        with receiver, receiver.accept()[0] as connection:
            return int(connection.makefile().read())
    if how == "queue":
        return int(receiver.get(timeout=RESULT_TIMEOUT))
    if not receiver.poll(RESULT_TIMEOUT):
        raise TimeoutError("nothing came through the pipe")
    return int(receiver.recv())


def _stored_result(started: Any) -> int:
    """Return the child's exit code, or a job's return value."""
    started.join()
    if not hasattr(started, "job"):
        return int(started.exitcode)
    return int(started.job.latest_result(timeout=int(RESULT_TIMEOUT)).return_value)  # RQ writes it after the end


@dataclass(frozen=True)
class Isolation(Exercise):
    """The course's first lesson on processes."""

    name = "isolation"
    summary = N_("a child changes a global; its parent's copy stays as it was")
    printed_lines: ClassVar = {
        "changes": PrintedLine(N_("in the child: {value}")),
        "gets": PrintedLine(N_("the child's result: {value}")),
        "sees": PrintedLine(N_("in the parent: {value}")),
    }

    how: str = choice(
        "how the result is returned",
        socket=N_("by socket"),
        pipe=N_("by pipe"),
        queue=N_("by queue"),
        result=N_("by exit code or RQ result"),
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
        channels: tuple[Any, Any] = (None, None)
        if self.how == "pipe":
            channels = run.ctx.Pipe(duplex=False)
        elif self.how == "queue":
            queue = run.ctx.Queue()
            channels = (queue, queue)
        recorders = (run.recorder("parent"), run.recorder("child"))
        args = (*recorders, child_process_class(run.ctx), self.how, channels, server_url(run.ctx))
        run.start_and_join([run.ctx.Process(target=parent, args=args, name="parent")], max_silence=RESULT_TIMEOUT)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that the parent's global is unchanged and the result received."""
        return verdicts.worst([_unchanged(trace), _received(trace), verdicts.all_finished(trace, self.actors)])

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """Both globals, and how long the result took."""
        changed, got, sees = (next(iter(trace.of(what)), None) for what in ("changes", "gets", "sees"))
        return {
            N_("child's global"): str(changed.value) if changed else None,
            N_("parent's global"): str(sees.value) if sees else None,
            N_("result received"): bool(got and changed and got.value == changed.value),
            N_("transfer time"): got.when - changed.when if got and changed else None,
        }


def _unchanged(trace: Trace) -> verdicts.Verdict:
    changed, seen = trace.of("changes"), trace.of("sees")
    if not changed or not seen:
        return verdicts.unknown(_("the global was not changed, or not looked at afterwards"))
    if seen[0].value != INITIAL:
        sentence = _("the child changed its global to {changed}, and the parent's is {seen}")
        return verdicts.invalid(sentence.format(changed=changed[0].value, seen=seen[0].value), changed[0], seen[0])
    sentence = _("the child's global is {changed}, the parent's still {initial}")
    return verdicts.valid(sentence.format(changed=changed[0].value, initial=INITIAL))


def _received(trace: Trace) -> verdicts.Verdict:
    changed, got = trace.of("changes"), trace.of("gets")
    if not changed or not got:
        return verdicts.unknown(_("no result was received"))
    if got[0].value != changed[0].value:
        sentence = _("the child's result is {sent}, and its parent received {received}")
        return verdicts.invalid(sentence.format(sent=changed[0].value, received=got[0].value), changed[0], got[0])
    return verdicts.valid(_("its parent received the result"))
