"""Processes report that they are alive, every 60 s, and a monitor names the dead.

The course (报活): a hundred machines with a hundred processes each; a daemon
tells a monitor every 60 s that its main process is alive. Can the main process
not do that by itself, strictly every 60 s?

No (--how main): it reports when it gets round to it. What it does meanwhile
takes as long as it takes, so its reports come late, each delays all that
follow, and the monitor names processes dead that live. A daemon (--how daemon)
has nothing else to do. Its reports come on time, and end with the process.

One of the processes is killed. The monitor names it within the interval and a
second, and nobody else. On Redis the daemon is the broker's Heartbeat and the
monitor looks at its Board; on multiprocessing alone it is a daemon process that
sets the date of a file. `python -m bench --only board` measures the course's
ten thousand.
"""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import time
from collections.abc import Mapping
from statistics import median
from typing import ClassVar

from broker.liveness.timing import Timing
from lab.checks import liveness, verdicts
from lab.exercise import Exercise, choice, parameter
from lab.formatting import Figure
from lab.printed_lines import PrintedLine
from lab.runtime.boards import Board, make_board, start_heartbeat
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

WORK = (0.2, 1.5)  # intervals that a piece of work takes
DEATH = (1.0, 2.0)  # intervals after which one is killed
LOOKS = 30  # of the monitor, in an interval
BOUND = 1.0  # seconds after an interval within which a death is named
MICROSECONDS = 1_000_000  # in a second: the unit of what the monitor hears
START = 10.0  # seconds that it may take until all are there


@actor
def member(
    me: Recorder,
    board: Board,
    daemon: Recorder | None,
    seed: str,
    length: float,
    death: float | None,
) -> None:
    """Work, one piece after the other, and report: by the daemon, or between two pieces."""
    rng = random.Random(seed)  # noqa: S311 - the same work on every backend
    interval = board.timing.interval
    heartbeat = start_heartbeat(board, daemon, me.who)
    started = reported = time.monotonic()
    while (now := time.monotonic()) < started + length:
        if daemon is None and now >= reported + board.timing.period:
            heartbeat.beat()
            reported = now
        piece = rng.uniform(*WORK) * interval
        if death is not None and now + piece >= started + death:
            time.sleep(max(0.0, started + death - now))
            me.record("dies")
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(piece)
    heartbeat.stop()


@actor
def monitor(
    me: Recorder,
    board: Board,
    members: int,
    longest: float,
) -> None:
    """Look at the board until all have been there, and everybody has left or is dead."""
    states: dict[str, str] = {}
    heard: dict[str, float] = {}
    deadline = time.monotonic() + longest
    while time.monotonic() < deadline:
        snapshot, now = board.snapshot(), time.monotonic()
        for state, silences in snapshot._asdict().items():
            for who, silent in silences.items():
                if states.get(who) != state:
                    states[who] = state
                    me.record(f"is {state}", on=who)
                before = heard.setdefault(who, now - silent)
                if state == "alive" and now - silent > before + board.timing.poll_interval / 10:
                    heard[who] = now - silent
                    me.record("receives report", on=who, value=round((heard[who] - before) * MICROSECONDS))
        if len(states) == members and not snapshot.alive and not snapshot.late:
            break
        time.sleep(board.timing.interval / LOOKS)


@dataclasses.dataclass(frozen=True)
class Liveness(Exercise):
    """The course's use of a daemon."""

    name = "liveness"
    summary = "6 processes report that they are alive; a monitor detects the dead"
    printed_lines: ClassVar = {
        "is alive": PrintedLine("{on} 还活着", "{on} is alive"),
        "receives report": PrintedLine("{on} 报活", "{on} reports that it is alive"),
        "is late": PrintedLine("{on} 没有按时报活", "{on} is late", "yellow"),
        "dies": PrintedLine("{who} 被杀死", "{who} is killed", "bold red"),
        "is dead": PrintedLine("{on} 已经死了", "{on} is dead", "red"),
    }

    members: int = parameter(6, "how many processes report", minimum=1, maximum=63)
    interval: float = parameter(60.0, "the course's seconds after which one that is silent is dead", maximum=3600)
    pace: float = parameter(0.025, "seconds for one of the course's", maximum=24)
    length: float = parameter(3.0, "for how many intervals they work", minimum=2.5, maximum=100)
    how: str = choice(
        "who reports",
        daemon="with a daemon that reports",
        main="with the main process itself",
    )
    seed: int = parameter(0, "of the pieces of work, and of the death", maximum=2**32)

    @property
    def actors(self) -> int:
        """The processes and the monitor."""
        return self.members + 1

    @property
    def min_workers(self) -> int:
        """All of them."""
        return self.actors

    def options_for(self, workers: int) -> str:
        """Leave one worker to the monitor."""
        return f"--members {workers - 1}" if workers > 1 else ""

    @property
    def timing(self) -> Timing:
        """When they have to report."""
        return Timing(self.interval * self.pace)

    def run_actors(self, run: Run) -> None:
        """Let all work, and one of them die."""
        rng = random.Random(self.seed)  # noqa: S311 - the same death on every backend
        victim, interval = rng.randrange(self.members), self.timing.interval
        death = rng.uniform(*DEATH) * interval
        longest = (self.length + WORK[1] + 1) * interval + BOUND + START
        with make_board(run.ctx, interval) as board:
            args = (run.recorder("monitor"), board, self.members, longest)
            actors = [run.ctx.Process(target=monitor, args=args, name="monitor")]
            for number in range(self.members):
                name = f"process {number}"
                daemon = run.recorder(f"daemon {number}") if self.how == "daemon" else None
                dies = death if number == victim else None
                seed, length = f"{self.seed}/{number}", self.length * interval
                what = (run.recorder(name), board, daemon, seed, length, dies)
                actors.append(run.ctx.Process(target=member, args=what, name=name))
            run.start_and_join(actors, max_silence=WORK[1] * interval)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Judge whether the killed one was named in time, and nobody else."""
        killed = {event.who for event in trace.of("dies")}
        ends = [event for event in trace.events if event.on not in killed or event.what != "joins"]
        return verdicts.worst(
            [
                liveness.detected_in_time(trace, self.timing.interval + BOUND),
                liveness.no_false_alarms(trace),
                verdicts.all_finished(dataclasses.replace(trace, events=tuple(ends)), self.actors - len(killed)),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, Figure]:
        """Who was named, and how regularly the living were heard."""
        gaps: dict[str | None, list[float]] = {}
        for event in trace.of("receives report"):
            gaps.setdefault(event.on, []).append((event.value or 0) / MICROSECONDS)
        regular = {who: of[1:] for who, of in gaps.items() if len(of) > 1}  # the first is that of a daemon's start
        overdue = [sum(max(0.0, gap - self.timing.period) for gap in of) for of in regular.values()]
        return {
            "killed": len(trace.of("dies")),
            "named dead": len({event.on for event in trace.of("is dead")}),
            "named dead though alive": len(liveness.false_alarms(trace)),
            "named late": len(trace.of("is late")),
            "named after its death": liveness.detection_delay(trace),
            "between reports, stated": self.timing.period,
            "between reports, longest": max((max(of) for of in regular.values()), default=None),
            "drift at the end, median": median(overdue) if overdue else None,
        }
