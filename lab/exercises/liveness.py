"""Processes report that they are alive, every 60 s, and a monitor declares the silent ones dead.

The course (报活): a hundred machines with a hundred processes each; for each
process a daemon tells a monitor every 60 s that it is alive. Can the process
itself not do that, strictly every 60 s?

No (--how main): it reports between two pieces of work. A piece takes as long as
it takes, so reports are late, each delays all that follow, and the monitor
declares living processes dead. A daemon (--how daemon) has nothing else to do.
Its reports are on time, and they end with the process.

One of the processes is killed. The monitor declares it dead within the interval
and a second, and no other process. On Redis the daemon is the broker's
Heartbeat and the monitor looks at its Board; on multiprocessing alone it is a
daemon process that sets the modification time of a file. `python -m bench
--only board` measures the course's ten thousand processes.
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
from lab.formatting import OutcomeValue
from lab.printed_lines import PrintedLine
from lab.runtime.boards import Board, make_board, start_heartbeat
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

WORK = (0.2, 1.5)  # duration of a piece of work, in intervals
DEATH = (1.0, 2.0)  # time until a process is killed, in intervals
POLLS = 30  # of the monitor, per interval
MAX_DELAY = 1.0  # seconds from the end of the interval until a dead process is declared dead
MICROSECONDS = 1_000_000  # per second: the unit of the recorded times between reports
START_TIMEOUT = 10.0  # seconds until all processes have started


@actor
def member(
    me: Recorder,
    board: Board,
    daemon: Recorder | None,
    seed: str,
    length: float,
    death: float | None,
) -> None:
    """Work, one piece after the other, and report: by a daemon, or between two pieces."""
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
    timeout: float,
) -> None:
    """Look at the board until all processes have been on it, and each has left or is dead."""
    states: dict[str, str] = {}
    last_report: dict[str, float] = {}
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        snapshot, now = board.snapshot(), time.monotonic()
        for state, silences in snapshot._asdict().items():
            for who, silent in silences.items():
                if states.get(who) != state:
                    states[who] = state
                    me.record(f"is {state}", on=who)
                before = last_report.setdefault(who, now - silent)
                if state == "alive" and now - silent > before + board.timing.poll_interval / 10:
                    last_report[who] = now - silent
                    me.record("receives report", on=who, value=round((last_report[who] - before) * MICROSECONDS))
        if len(states) == members and not snapshot.alive and not snapshot.late:
            break
        time.sleep(board.timing.interval / POLLS)


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

    members: int = parameter(6, "number of processes that report", minimum=1, maximum=63)
    interval: float = parameter(60.0, "seconds of silence after which a process is dead, in the course", maximum=3600)
    pace: float = parameter(0.025, "seconds for one second of the course", maximum=24)
    length: float = parameter(3.0, "number of intervals for which the processes work", minimum=2.5, maximum=100)
    how: str = choice(
        "who reports",
        daemon="with a daemon that reports",
        main="with the main process itself",
    )
    seed: int = parameter(0, "seed of the pieces of work and of the death", maximum=2**32)

    @property
    def actors(self) -> int:
        """The processes and the monitor."""
        return self.members + 1

    @property
    def min_workers(self) -> int:
        """All processes run at the same time."""
        return self.actors

    def options_for(self, workers: int) -> str:
        """Return an option for fewer processes; the monitor needs a worker, too."""
        return f"--members {workers - 1}" if workers > 1 else ""

    @property
    def timing(self) -> Timing:
        """When the processes have to report."""
        return Timing(self.interval * self.pace)

    def run_actors(self, run: Run) -> None:
        """Start the monitor and all processes, one of which is killed."""
        rng = random.Random(self.seed)  # noqa: S311 - the same death on every backend
        victim, interval = rng.randrange(self.members), self.timing.interval
        lifetime = rng.uniform(*DEATH) * interval
        timeout = (self.length + WORK[1] + 1) * interval + MAX_DELAY + START_TIMEOUT
        with make_board(run.ctx, interval) as board:
            args = (run.recorder("monitor"), board, self.members, timeout)
            actors = [run.ctx.Process(target=monitor, args=args, name="monitor")]
            for number in range(self.members):
                name = f"process {number}"
                daemon = run.recorder(f"daemon {number}") if self.how == "daemon" else None
                death = lifetime if number == victim else None
                seed, length = f"{self.seed}/{number}", self.length * interval
                what = (run.recorder(name), board, daemon, seed, length, death)
                actors.append(run.ctx.Process(target=member, args=what, name=name))
            run.start_and_join(actors, max_silence=WORK[1] * interval)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that the killed process was declared dead in time, and no other."""
        killed = {event.who for event in trace.of("dies")}
        ends = [event for event in trace.events if event.on not in killed or event.what != "joins"]
        return verdicts.worst(
            [
                liveness.detected_in_time(trace, self.timing.interval + MAX_DELAY),
                liveness.no_false_alarms(trace),
                verdicts.all_finished(dataclasses.replace(trace, events=tuple(ends)), self.actors - len(killed)),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """Who was declared dead, and how regular the reports were."""
        gaps: dict[str | None, list[float]] = {}
        for event in trace.of("receives report"):
            gaps.setdefault(event.on, []).append((event.value or 0) / MICROSECONDS)
        regular = [own[1:] for own in gaps.values() if len(own) > 1]  # the first includes the start of a daemon
        drifts = [sum(max(0.0, gap - self.timing.period) for gap in own) for own in regular]
        return {
            "killed": len(trace.of("dies")),
            "declared dead": len({event.on for event in trace.of("is dead")}),
            "false alarms": len(liveness.false_alarms(trace)),
            "declared late": len(trace.of("is late")),
            "detection delay": liveness.detection_delay(trace),
            "time between reports, nominal": self.timing.period,
            "time between reports, max": max(map(max, regular), default=None),
            "final drift, median": median(drifts) if drifts else None,
        }
