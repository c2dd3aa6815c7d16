"""Liveness boards for exercises: the broker's, or a folder of files for processes of one machine."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from broker.liveness.board import Board as BrokerBoard
from broker.liveness.heartbeat import Heartbeat as BrokerHeartbeat
from broker.liveness.snapshot import Snapshot
from broker.liveness.timing import Timing
from lab.runtime.context import Context
from lab.runtime.recorder import Recorder, actor


class Heartbeat(Protocol):
    """Reports that a process is alive."""

    def beat(self) -> None:
        """Report once."""

    def stop(self) -> None:
        """Stop reporting, and remove the process from the board."""


class Board(Protocol):
    """Shows which processes are alive, late and dead."""

    @property
    def timing(self) -> Timing:
        """When each process has to report."""

    def snapshot(self) -> Snapshot:
        """Return the seconds since each process's last report, by its state."""


@contextmanager
def make_board(ctx: Context, interval: float) -> Iterator[Board]:
    """Yield a board for the processes of a context, which exists during the block."""
    if hasattr(ctx, "Board"):
        yield ctx.Board(interval)
    else:
        with TemporaryDirectory(prefix="lab-") as folder:
            yield FileBoard(Path(folder), Timing(interval))


def start_heartbeat(board: Board, daemon: Recorder | None, who: str) -> Heartbeat:
    """Start the heartbeat of this process, called `who`.

    With the recorder `daemon`, a daemon sends the reports; without one, this process does.
    """
    if isinstance(board, BrokerBoard):
        return BrokerHeartbeat(board, who, daemon=daemon is not None)
    assert isinstance(board, FileBoard)
    return FileHeartbeat(board, daemon, who)


@dataclass(frozen=True)
class FileBoard:
    """A folder with a file for each process, whose modification time is that of its last report."""

    folder: Path
    timing: Timing

    def report(self, who: str) -> None:
        """Set the modification time."""
        file, now = self.folder / who, time.time()
        file.touch()
        os.utime(file, (now, now))

    def remove(self, who: str) -> None:
        """Remove the file."""
        (self.folder / who).unlink()

    def snapshot(self) -> Snapshot:
        """Return the seconds since each process's last report, by its state."""
        now = time.time()
        snapshot = Snapshot({}, {}, {})
        for file in self.folder.iterdir():
            with suppress(FileNotFoundError):  # the process has left the board meanwhile
                silent = max(0.0, now - file.stat().st_mtime)
                state = "alive" if silent < self.timing.late else "late" if silent < self.timing.interval else "dead"
                getattr(snapshot, state)[file.name] = silent
        return snapshot


class FileHeartbeat:
    """Reports to a `FileBoard`: by a daemon process as in the course, or only when `beat` is called."""

    def __init__(self, board: FileBoard, daemon: Recorder | None, who: str) -> None:
        self._board = board
        self._who = who
        self._daemon = None
        self.beat()
        if daemon is not None:
            # Forked: otherwise its first report would wait for a new interpreter and its imports.
            fork = multiprocessing.get_context("fork")
            self._daemon = fork.Process(target=report_periodically, args=(daemon, board, who), daemon=True)
            self._daemon.start()

    def beat(self) -> None:
        """Report once."""
        self._board.report(self._who)

    def stop(self) -> None:
        """Stop reporting, and remove the process from the board."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.join()
        self._board.remove(self._who)


@actor
def report_periodically(
    me: Recorder,  # noqa: ARG001 - the decorator records its start
    board: FileBoard,
    who: str,
) -> None:
    """Report at fixed times, however long each report takes."""
    due = time.monotonic()
    while True:
        board.report(who)
        due += board.timing.period
        time.sleep(max(0.0, due - time.monotonic()))
