"""A board of 10,000 processes that report at the course's 60 s, each with a connection of its own.

A few processes simulate them. Some stop reporting, as if their host had died: how long after the interval are they
declared dead, and is any other? How much CPU time do the reports and a watcher cost the server, and how long does a
snapshot take?
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

from bench.figures import Measurement, Row, Rows, Target
from bench.server import Server
from bench.workers import CONTEXT, start_workers
from broker import Context
from broker.liveness.board import Board
from broker.liveness.timing import Timing
from broker.transport.connection import Connection
from broker.transport.wire import wire_factory

NAMES, QUICK_NAMES = 10_000, 440  # the same number of reports a second
INTERVAL, QUICK_INTERVAL = 60.0, 6.0  # seconds
PROCESSES = 8
SILENT = 5  # simulated processes, of each real one, that stop reporting
SNAPSHOTS = 20
SPARE = 200  # connections and files for everything else
MAX_SLEEP = 0.1  # seconds: a process checks this often whether it is to stop
TIMEOUT = 5.0  # seconds, for a reply


@dataclass(frozen=True)
class Simulation:
    """The simulated processes, and the last reports of the silent ones, on the monotonic clock."""

    board: Board
    url: str
    names_per_process: int
    last_reports: MutableSequence[float]
    stopped: Any


def measure(server: Server, quick: bool) -> Rows:
    """Let them report for a little longer than an interval."""
    names, interval = (QUICK_NAMES, QUICK_INTERVAL) if quick else (NAMES, INTERVAL)
    server.client.config_set("maxclients", names + SPARE)
    last_reports, stopped = CONTEXT.RawArray("d", PROCESSES * SILENT), CONTEXT.RawValue("b", 0)
    board = Board.at(server.url, uuid.uuid4().hex, interval=interval)
    simulation = Simulation(board, server.url, names // PROCESSES, last_reports, stopped)
    with Context(server.url), start_workers(PROCESSES, 1, _simulate, simulation) as barrier:
        barrier.wait()
        try:
            row = {"names": names, "interval": interval, **_watch(server, simulation), **_time_snapshots(board)}
        finally:
            stopped.value = 1
    return {"broker": row}


def _simulate(index: int, barrier: Barrier, simulation: Simulation) -> None:
    _allow_files(simulation.names_per_process + SPARE)
    board, open_wire = simulation.board, wire_factory(simulation.url)
    names = [f"{index}/{number}".encode() for number in range(simulation.names_per_process)]
    connections = [Connection(open_wire, TIMEOUT) for _ in names]
    due = []
    for number, connection in enumerate(connections):
        connection.execute(board._join_script, (connection.new_token(), names[number]))
        due.append((time.monotonic() + random.uniform(0, board.timing.period), number))
    heapq.heapify(due)
    barrier.wait()
    while not simulation.stopped.value:
        moment, number = due[0]
        if (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, MAX_SLEEP))
            continue
        connections[number].execute(board._report_script, (names[number],))
        if number < SILENT:
            simulation.last_reports[index * SILENT + number] = time.monotonic()
            heapq.heappop(due)
        else:
            heapq.heapreplace(due, (moment + board.timing.period, number))


def _allow_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


def _watch(server: Server, simulation: Simulation) -> Row:
    began, used = time.monotonic(), server.cpu_seconds()
    declared = {}
    for change in simulation.board.watch(timeout=simulation.board.interval + simulation.board.timing.period + 2):
        if change.state == "dead":
            declared[change.who] = time.monotonic()
    used, took = server.cpu_seconds() - used, time.monotonic() - began
    silent = {f"{place // SILENT}/{place % SILENT}": last for place, last in enumerate(simulation.last_reports)}
    delays = [declared.pop(who, float("inf")) - last - simulation.board.interval for who, last in silent.items()]
    return {"core": used / took, "seconds": took, "delays": delays, "false_alarms": len(declared)}


def _time_snapshots(board: Board) -> Row:
    times = []
    for _ in range(SNAPSHOTS):
        began = time.perf_counter()
        board.snapshot()
        times.append((time.perf_counter() - began) * 1e3)
    return {"snapshots": times}


def table(rows: Rows) -> Table:
    """Return what the board cost and how soon the silent processes were declared dead."""
    row = rows["broker"]
    reports = row["names"] / Timing(row["interval"]).period
    result = Table("", "median", "max")
    for column in result.columns[1:]:
        column.justify = "right"
    result.title_style = "bold"
    result.add_row(
        f"server, of a core, at {row['names']:,} names and {reports:.0f} reports/s", f"{row['core']:.2%}", ""
    )
    delays = row["delays"]
    result.add_row(
        "declared dead, seconds after the interval", f"{statistics.median(delays):.3f}", f"{max(delays):.3f}"
    )
    result.add_row("a snapshot, ms", f"{statistics.median(row['snapshots']):.1f}", f"{max(row['snapshots']):.1f}")
    result.add_row("false alarms", "", str(row["false_alarms"]))
    return result


def targets(rows: Rows) -> list[Target]:
    """Return the targets for a board."""
    row = rows["broker"]
    return [
        Target("board: share of a core", row["core"], 0.02),
        Target("board: a snapshot, ms", statistics.median(row["snapshots"]), 50),
        Target("board: last process declared dead after the interval, s", max(row["delays"]), 1),
        Target("board: false alarms", row["false_alarms"], 0),
    ]


BOARD = Measurement("A board of 10,000 processes that report at 60 s", measure, table, targets)
