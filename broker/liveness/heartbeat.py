"""Heartbeats: a program beside this process reports that it is alive."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from types import TracebackType

from broker.engine.handle import check_name
from broker.liveness.board import Board
from broker.subprocesses.parent_pipe import ParentPipe

RESTART = 0.1  # seconds until a reporter that was killed is started again

# What this process can import, the reporter can. The rest is not for everybody's eyes, as arguments are.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from broker.liveness.reporter import main; main()"


class Heartbeat:
    """Reports to `board` that this process is alive, until `stop` or until the process ends.

    `who` is the name on the board, else the host's name and the process's number. A program of its own reports, so
    that neither the interpreter's lock nor any work of this process delays a report: the board says that the process
    exists, not that it gets on. That program is no child of multiprocessing's, so a daemon may have a heartbeat; a
    forked child does not inherit one. Without `daemon` there is no such program, and this process has to call `beat`
    itself, every `board.rhythm.period` seconds: then the board says that it gets on.

    Whoever ends without `stop`, in whatever way, is dead on the board, and with a daemon at once; `stop`, the end of
    a `with` block and the context's `close` take the name off. Raises what the first report raises; the daemon
    repeats later ones until the server is back.
    """

    def __init__(self, board: Board, who: str | None = None, *, daemon: bool = True) -> None:
        self.board = board
        self.who = check_name(f"{socket.gethostname()}/{os.getpid()}" if who is None else who)
        self._pid = os.getpid()
        self._token = secrets.token_hex(8)
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        self._keeper: threading.Thread | None = None
        if daemon:  # first of all: once this process is on the board, somebody must see it die
            self._start()
            self._keeper = threading.Thread(target=self._keep, name="broker-heartbeat", daemon=True)
            self._keeper.start()
        try:
            self._join()
        except BaseException:
            self._end()
            raise

    def beat(self) -> None:
        """Report once; raise `ServerUnavailableError` if the server cannot be reached."""
        if not self.board._run(self.board._report, self.who.encode())[0]:
            self._join()

    def stop(self) -> None:
        """Report no more and take the name off the board; in a forked child, do nothing.

        Raises `ServerUnavailableError` if the server cannot be told; the name is then dead after an interval.
        """
        if os.getpid() == self._pid and self._end():
            self.board._leave(self._token, self.who)

    def __enter__(self) -> Heartbeat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Heartbeat of {self.who!r} on {self.board!r}>"

    def _join(self) -> None:
        self.board._run(self.board._join, self._token.encode(), self.who.encode())

    def _start(self) -> None:
        self._parent_pipe = ParentPipe()
        try:
            self._reporter = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *sys.path],
                stdin=self._parent_pipe.reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for this process
            )
        finally:
            self._parent_pipe.close_reader()
        board = self.board
        told = (board._url, board.name, board.interval, self._token, self.who, self._pid)
        self._parent_pipe.write(json.dumps(told).encode() + b"\n")

    def _keep(self) -> None:
        while True:
            self._reporter.wait()
            if self._stopped.wait(RESTART):
                return
            with self._changing, contextlib.suppress(OSError):
                if not self._stopped.is_set():
                    self._parent_pipe.close()
                    self._start()

    def _end(self) -> bool:
        with self._changing:
            if self._stopped.is_set():
                return False
            self._stopped.set()
            if self._keeper is None:
                return True
            self._reporter.kill()
        self._keeper.join()
        self._parent_pipe.close()
        return True
