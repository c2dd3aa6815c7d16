"""Heartbeats: a reporter, in a process of its own, reports that this process is alive."""

from __future__ import annotations

import json
import os
import secrets
import socket
from types import TracebackType

from broker.engine.handle import check_name
from broker.liveness.board import Board
from broker.subprocesses.restarted_program import RestartedProgram


class _Reporter(RestartedProgram):
    _module = "broker.liveness.reporter"

    def __init__(self, *arguments: object) -> None:
        super().__init__()
        self._arguments = json.dumps(arguments).encode()

    def _launch(self) -> None:
        self._start(self._arguments)


class Heartbeat:
    """Reports to `board` that this process is alive, until `stop` or until the process ends.

    `who` is the name on the board; by default, the host name and process id. A reporter in a process of its own sends
    the reports, so neither the GIL nor the work of this process delays them: the board shows that the process exists,
    not that it makes progress. The reporter is not a child in multiprocessing's sense, so a daemonic process may have
    a heartbeat; a forked child does not inherit it. If `daemon` is false, there is no reporter, and this process has to
    call `beat` every `board.timing.period` seconds: then the board shows that it makes progress.

    A process that ends without `stop`, in whatever way, becomes dead on the board: at once with a reporter, else after
    an interval. `stop`, the end of a `with` block and the context's `close` remove the name. Raises what the first
    report raises; the reporter retries later reports until the server is available.
    """

    def __init__(self, board: Board, who: str | None = None, *, daemon: bool = True) -> None:
        self.board = board
        self.who = check_name(f"{socket.gethostname()}/{os.getpid()}" if who is None else who)
        self._pid = os.getpid()
        self._token = secrets.token_hex(8)
        self._reporter = _Reporter(board._url, board.name, board.interval, self._token, self.who, self._pid)
        if daemon:  # before joining: once this process is on the board, a reporter must notice its end
            self._reporter.start()
        try:
            self._join()
        except BaseException:
            self._reporter.stop()
            raise

    def beat(self) -> None:
        """Report once; raise `ServerUnavailableError` if the server cannot be reached."""
        if not self.board._run(self.board._report_script, self.who.encode())[0]:
            self._join()

    def stop(self) -> None:
        """Stop reporting and remove the name from the board; do nothing in a forked child.

        Raises `ServerUnavailableError` if the server cannot be reached; the name is then dead after an interval.
        """
        if os.getpid() == self._pid and self._reporter.stop():
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
        self.board._run(self.board._join_script, self._token.encode(), self.who.encode())
