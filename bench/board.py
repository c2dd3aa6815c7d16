"""A board of 10,000 processes that report at the course's 60 s, each on a connection of its own.

They are simulated by a few processes. Some fall silent, as if their host had died: how long after the interval are
they named, and is anybody else? What do the reports and their watcher cost the server, and how long does a look take?
"""

from __future__ import annotations

import heapq
import random
import resource
import statistics
import time
import uuid
from collections.abc import MutableSequence
from dataclasses import dataclass
from threading import Barrier
from typing import Any

from rich.table import Table

from bench.crew import CONTEXT, crew
from bench.figures import Measurement, Row, Rows, Target
from bench.server import Server
from broker import Context
from broker.liveness.board import Board
from broker.liveness.timing import Timing
from broker.transport.connection import Connection
from broker.transport.wire import wire_factory

NAMES, QUICK_NAMES = 10_000, 440  # the same number of reports a second
INTERVAL, QUICK_INTERVAL = 60.0, 6.0  # seconds
PROCESSES = 8
DOOMED = 5  # of each process's, which fall silent
LOOKS = 20
SPARE = 200  # connections and files that others need
NAP = 0.1  # seconds in which a process notices that it is over
TIMEOUT = 5.0  # seconds, for a reply


@dataclass(frozen=True)
class Crowd:
    """Those who are simulated, and when the ones that fell silent were last heard, on the monotonic clock."""

    board: Board
    url: str
    share: int  # of each simulating process
    heard: MutableSequence[float]
    stopped: Any


def measure(server: Server, quick: bool) -> Rows:
    """Let them report for an interval and a little longer."""
    names, interval = (QUICK_NAMES, QUICK_INTERVAL) if quick else (NAMES, INTERVAL)
    server.client.config_set("maxclients", names + SPARE)
    heard, stopped = CONTEXT.RawArray("d", PROCESSES * DOOMED), CONTEXT.RawValue("b", 0)
    board = Board.at(server.url, uuid.uuid4().hex, interval=interval)
    crowd = Crowd(board, server.url, names // PROCESSES, heard, stopped)
    with Context(server.url), crew(PROCESSES, 1, _simulate, crowd) as barrier:
        barrier.wait()
        try:
            row = {"names": names, "interval": interval, **_watch(server, crowd), **_look(board)}
        finally:
            stopped.value = 1
    return {"broker": row}


def _simulate(index: int, barrier: Barrier, crowd: Crowd) -> None:
    _allow_files(crowd.share + SPARE)
    board, open_wire = crowd.board, wire_factory(crowd.url)
    names = [f"{index}/{number}".encode() for number in range(crowd.share)]
    connections = [Connection(lambda: open_wire(TIMEOUT)) for _ in names]
    due = []
    for number, connection in enumerate(connections):
        connection.run_once(board._join_script, connection.new_token(), names[number])
        due.append((time.monotonic() + random.uniform(0, board.timing.period), number))
    heapq.heapify(due)
    barrier.wait()
    while not crowd.stopped.value:
        moment, number = due[0]
        if (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, NAP))
            continue
        connections[number].run_once(board._report_script, names[number])
        if number < DOOMED:
            crowd.heard[index * DOOMED + number] = time.monotonic()
            heapq.heappop(due)
        else:
            heapq.heapreplace(due, (moment + board.timing.period, number))


def _allow_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


def _watch(server: Server, crowd: Crowd) -> Row:
    began, used = time.monotonic(), server.cpu_seconds()
    named = {}
    for change in crowd.board.watch(timeout=crowd.board.interval + crowd.board.timing.period + 2):
        if change.state == "dead":
            named[change.who] = time.monotonic()
    used, took = server.cpu_seconds() - used, time.monotonic() - began
    doomed = {f"{place // DOOMED}/{place % DOOMED}": heard for place, heard in enumerate(crowd.heard)}
    delays = [named.pop(who, float("inf")) - heard - crowd.board.interval for who, heard in doomed.items()]
    return {"core": used / took, "seconds": took, "delays": delays, "wrongly": len(named)}


def _look(board: Board) -> Row:
    times = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        board.snapshot()
        times.append((time.perf_counter() - began) * 1e3)
    return {"looks": times}


def table(rows: Rows) -> Table:
    """Return what it cost and how soon the silent ones were named."""
    row = rows["broker"]
    reports = row["names"] / Timing(row["interval"]).period
    result = Table("", "median", "most")
    for column in result.columns[1:]:
        column.justify = "right"
    result.title_style = "bold"
    result.add_row(
        f"server, of a core, at {row['names']:,} names and {reports:.0f} reports/s", f"{row['core']:.2%}", ""
    )
    result.add_row(
        "named, seconds after the interval", f"{statistics.median(row['delays']):.3f}", f"{max(row['delays']):.3f}"
    )
    result.add_row("a look, ms", f"{statistics.median(row['looks']):.1f}", f"{max(row['looks']):.1f}")
    result.add_row("named wrongly", "", str(row["wrongly"]))
    return result


def targets(rows: Rows) -> list[Target]:
    """Return what is promised of a board."""
    row = rows["broker"]
    return [
        Target("board: share of a core", row["core"], 0.02),
        Target("board: a look, ms", statistics.median(row["looks"]), 50),
        Target("board: the last one is named after the interval, s", max(row["delays"]), 1),
        Target("board: named although alive", row["wrongly"], 0),
    ]


BOARD = Measurement("A board of 10,000 processes that report at 60 s", measure, table, targets)
