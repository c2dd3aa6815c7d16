"""Boards for exercises: the broker's where there is one, and for one machine's processes a folder of files."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from broker.liveness.board import Board as BrokerBoard
from broker.liveness.heartbeat import Heartbeat as BrokerHeartbeat
from broker.liveness.snapshot import Roll
from broker.liveness.timing import Rhythm
from lab.runtime.context import Context
from lab.runtime.recorder import Recorder, actor


class Heartbeat(Protocol):
    """What a process reports with."""

    def beat(self) -> None:
        """Report once."""

    def stop(self) -> None:
        """Report no more, and be taken off the board."""


class Board(Protocol):
    """Who is alive, late and dead."""

    @property
    def rhythm(self) -> Rhythm:
        """When each has to report."""

    def look(self) -> Roll:
        """Return for how many seconds each has not been heard of."""


@contextmanager
def make_board(ctx: Context, interval: float) -> Iterator[Board]:
    """Give the processes of a context a board for the length of the block."""
    if hasattr(ctx, "Board"):
        yield ctx.Board(interval)
    else:
        with TemporaryDirectory(prefix="lab-") as folder:
            yield FileBoard(Path(folder), Rhythm(interval))


def start_heartbeat(board: Board, daemon: Recorder | None, who: str) -> Heartbeat:
    """Let this process, called `who`, report by a daemon that records as `daemon`, or without one by itself."""
    if isinstance(board, BrokerBoard):
        return BrokerHeartbeat(board, who, daemon=daemon is not None)
    assert isinstance(board, FileBoard)
    return FileHeartbeat(board, daemon, who)


@dataclass(frozen=True)
class FileBoard:
    """A folder with a file for each process, whose date is that of its last report."""

    folder: Path
    rhythm: Rhythm

    def report(self, who: str) -> None:
        """Set the date."""
        file, now = self.folder / who, time.time()
        file.touch()
        os.utime(file, (now, now))

    def forget(self, who: str) -> None:
        """Remove the file."""
        (self.folder / who).unlink()

    def look(self) -> Roll:
        """Return for how many seconds each has not been heard of."""
        now = time.time()
        roll = Roll({}, {}, {})
        for file in self.folder.iterdir():
            silent = max(0.0, now - file.stat().st_mtime)
            state = "alive" if silent < self.rhythm.late else "late" if silent < self.rhythm.interval else "dead"
            getattr(roll, state)[file.name] = silent
        return roll


class FileHeartbeat:
    """Reports to a `FileBoard`, by multiprocessing's daemon as in the course, or when it is told to."""

    def __init__(self, board: FileBoard, daemon: Recorder | None, who: str) -> None:
        self._board = board
        self._who = who
        self._daemon = None
        self.beat()
        if daemon is not None:
            # Forked, or else its first report would have to wait for an interpreter that imports all of this.
            fork = multiprocessing.get_context("fork")
            self._daemon = fork.Process(target=report_for_ever, args=(daemon, board, who), daemon=True)
            self._daemon.start()

    def beat(self) -> None:
        """Report once."""
        self._board.report(self._who)

    def stop(self) -> None:
        """Report no more, and be taken off the board."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.join()
        self._board.forget(self._who)


@actor
def report_for_ever(
    me: Recorder,  # noqa: ARG001 - that it begins is recorded
    board: FileBoard,
    who: str,
) -> None:
    """Report at moments that do not depend on how long a report takes."""
    moment = time.monotonic()
    while True:
        board.report(who)
        moment += board.rhythm.period
        time.sleep(max(0.0, moment - time.monotonic()))
