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

from broker.liveness.snapshot import Snapshot
from broker.liveness.timing import Timing
from lab.checks import delays, liveness, verdicts
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.boards import Board, make_board, start_heartbeat
from lab.runtime.context import Event, SimpleQueue
from lab.runtime.delay_meter import DelayMeter
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import DELAY, MICROSECONDS, Trace

WORK = (0.2, 2.5)  # duration of a piece of work, in intervals
DEATH = (1.0, 2.0)  # time until a process is killed, in intervals
POLLS = 30  # of the monitor, per interval
MAX_DELAY = 1.0  # seconds from the end of the interval until a dead process is declared dead
START_GRACE = 20.0  # seconds that a daemon may need to start on a busy machine


@actor
def member(
    me: Recorder,
    board: Board,
    ready: SimpleQueue,
    go: Event,
    daemon: Recorder | None,
    seed: str,
    length: float,
    death: float | None,
) -> None:
    """Work, one piece after the other, and report: by a daemon, or between two pieces."""
    rng = random.Random(seed)  # noqa: S311 - the same work on every backend
    interval = board.timing.interval
    heartbeat = start_heartbeat(board, daemon, me.who)
    joined = time.monotonic()
    ready.put(me.who)
    go.wait()
    if daemon is None:
        heartbeat.beat()
    started = reported = time.monotonic()
    while (now := time.monotonic()) < started + length:
        if daemon is None and now >= reported + board.timing.period:
            heartbeat.beat()
            reported = now
        piece = rng.uniform(*WORK) * interval
        if death is not None and now + piece >= started + death:
            time.sleep(max(0.0, started + death - now))
            if daemon is not None:
                _wait_for_report(board, me.who, joined)
            me.record("dies")
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(piece)
    heartbeat.stop()


def _wait_for_report(board: Board, who: str, since: float) -> None:
    """Wait until the daemon has reported: on a busy machine it may take long to start."""
    while (now := time.monotonic()) - _age(board, who) <= since:
        time.sleep(max(0.0, now + board.timing.interval / POLLS - time.monotonic()))


def _age(board: Board, who: str) -> float:
    """Return the seconds since the last report of a process."""
    return next(ages[who] for ages in board.snapshot() if who in ages)


@actor
def monitor(
    me: Recorder,
    board: Board,
    ready: SimpleQueue,
    go: Event,
    members: int,
    timeout: float,
    grace: float,
) -> None:
    """Wait until all processes report; then look at the board until each of them has left or is dead."""
    for _ in range(members):
        ready.get()
    go.set()
    deadline = time.monotonic() + timeout
    with DelayMeter() as meter:
        observer = Observer(me, board.timing, meter, grace)
        while time.monotonic() < deadline and not observer.all_done(members):
            time.sleep(board.timing.interval / POLLS)
            observer.observe(board.snapshot())
    me.record(DELAY, value=meter.longest_microseconds)


class Observer:
    """Records what changes from one snapshot of a board to the next."""

    def __init__(self, me: Recorder, timing: Timing, meter: DelayMeter, grace: float) -> None:
        self._me = me
        self._timing = timing
        self._meter = meter
        self._grace = grace
        self._states: dict[str, str] = {}
        self._last_reports: dict[str, float] = {}
        self._present: set[str] = set()
        self._reported: set[str] = set()

    def all_done(self, members: int) -> bool:
        """Return whether so many processes have been on the board, and those still on it are dead."""
        return len(self._states) == members and all(self._states[who] == "dead" for who in self._present)

    def observe(self, snapshot: Snapshot) -> None:
        """Record each new state and each report."""
        now = time.monotonic()
        self._present = {who for silences in snapshot for who in silences}
        for name, silences in snapshot._asdict().items():
            for who, silent in silences.items():
                state = self._judged(who, name, silent)
                if self._states.get(who) != state:
                    self._states[who] = state
                    self._me.record(f"is {state}", on=who, value=round(silent * MICROSECONDS))
                if state == "alive":
                    self._record_report(who, now - silent)

    def _judged(self, who: str, state: str, silent: float) -> str:
        """Return the state; a process is late, not dead, as long as a busy machine may be the reason for its silence.

        One that is dead before the interval is over was seen to end. Until its first report, a daemon may be starting.
        """
        dead_after = self._timing.interval + delays.allow_for(self._meter.longest)
        if who not in self._reported:
            dead_after += self._grace
        excusable = self._timing.interval <= silent < dead_after and self._states.get(who) != "dead"
        return "late" if state == "dead" and excusable else state

    def _record_report(self, who: str, when: float) -> None:
        last = self._last_reports.setdefault(who, when)
        if when > last + self._timing.poll_interval / 10:
            self._last_reports[who] = when
            self._reported.add(who)
            self._me.record("receives report", on=who, value=round((when - last) * MICROSECONDS))


@dataclasses.dataclass(frozen=True)
class Liveness(Exercise):
    """The course's use of a daemon."""

    name = "liveness"
    summary = N_("6 processes report that they are alive; a monitor detects the dead")
    printed_lines: ClassVar = {
        "is alive": PrintedLine(N_("{on} is alive")),
        "receives report": PrintedLine(N_("{on} reports that it is alive")),
        "is late": PrintedLine(N_("{on} is late"), "yellow"),
        "is dead": PrintedLine(N_("{on} is dead"), "red"),
    }

    members: int = parameter(6, "number of processes that report", minimum=1, maximum=63)
    interval: float = parameter(60.0, "seconds of silence after which a process is dead, in the course", maximum=3600)
    pace: float = parameter(0.025, "seconds for one second of the course", maximum=24)
    length: float = parameter(3.0, "number of intervals for which the processes work", minimum=2.5, maximum=100)
    how: str = choice(
        "who reports",
        daemon=N_("with a daemon that reports"),
        main=N_("with the main process itself"),
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
        timeout = (self.length + WORK[1] + 1) * interval + MAX_DELAY + START_GRACE
        grace = START_GRACE if self.how == "daemon" else 0.0
        ready, go = run.ctx.SimpleQueue(), run.ctx.Event()
        with make_board(run.ctx, interval) as board:
            monitor_args = (run.recorder("monitor"), board, ready, go, self.members, timeout, grace)
            actors = [run.ctx.Process(target=monitor, args=monitor_args, name="monitor")]
            for number in range(self.members):
                name = f"process {number}"
                daemon = run.recorder(f"daemon {number}") if self.how == "daemon" else None
                death = lifetime if number == victim else None
                seed, length = f"{self.seed}/{number}", self.length * interval
                args = (run.recorder(name), board, ready, go, daemon, seed, length, death)
                actors.append(run.ctx.Process(target=member, args=args, name=name))
            run.start_and_join(actors, max_silence=WORK[1] * interval)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that the killed process was declared dead in time, and no other."""
        killed = {event.who for event in trace.of("dies")}
        ends = [event for event in trace.events if event.on not in killed or event.what != "joins"]
        return verdicts.worst(
            [
                liveness.no_false_alarms(trace, self.timing.interval),
                liveness.detected_in_time(trace, self.timing.interval + MAX_DELAY),
                verdicts.all_finished(dataclasses.replace(trace, events=tuple(ends)), self.actors - len(killed)),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """Who was declared dead, and how regular the reports were."""
        gaps: dict[str | None, list[float]] = {}
        for event in trace.of("receives report"):
            gaps.setdefault(event.on, []).append((event.value or 0) / MICROSECONDS)
        drifts = [sum(max(0.0, gap - self.timing.period) for gap in own) for own in gaps.values()]
        return {
            N_("killed"): len(trace.of("dies")),
            N_("declared dead"): len({event.on for event in trace.of("is dead")}),
            N_("false alarms"): len(liveness.false_alarms(trace)),
            N_("declared late"): len(trace.of("is late")),
            N_("detection delay"): liveness.detection_delay(trace),
            N_("time between reports, nominal"): self.timing.period,
            N_("time between reports, max"): max(map(max, gaps.values()), default=None),
            N_("final drift, median"): median(drifts) if drifts else None,
        }
