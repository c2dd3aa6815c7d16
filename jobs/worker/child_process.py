"""The process itself: a child of whatever runs its job, which gets its output and its outcome through pipes."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import selectors
import signal
import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import IO

from rq.defaults import UNSERIALIZABLE_RETURN_VALUE_PAYLOAD

from jobs.exchange.pickling import Pickled, dumps, loads
from jobs.worker.output_order import Office, Printer

CHUNK = 65536  # bytes: what a pipe holds
OUTCOME = 0  # beside 1 and 2, which are standard output and standard error

Pipes = dict[int, tuple[int, int]]  # what goes through it -> the two ends


class Child:
    """Runs a pickled process, from now on."""

    def __init__(self, payload: bytes) -> None:
        self.alive = True
        self._outcome = b""
        self._selector = selectors.DefaultSelector()
        self._office = Office()
        pipes: Pipes = {stream: os.pipe() for stream in (OUTCOME, 1, 2)}
        self._process = multiprocessing.get_context("fork").Process(target=_live, args=(payload, pipes, self._office))
        self._process.start()
        running.add(self)
        self._office.customers.close()
        self._selector.register(self._office, selectors.EVENT_READ)
        for stream, (reader, writer) in pipes.items():
            os.close(writer)
            self._selector.register(reader, selectors.EVENT_READ, stream)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self.alive:  # it is not waited for until this is false, so its process id is no other's
            os.kill(self.pid, number)

    def output(self, timeout: float) -> list[tuple[int, bytes]]:
        """Return what it has printed, and where, after `timeout` seconds at most; `alive` turns false with the last.

        Who calls this again says that he has passed on what he got before.
        """
        self._office.give()
        ready = self._ready(timeout)
        if self._office in ready:
            if not self._office.hear():
                self._selector.unregister(self._office)
            ready = self._ready(0)  # also what he who asks has just written
        pieces = [(self._selector.get_key(pipe).data, self._read(pipe)) for pipe in ready if isinstance(pipe, int)]
        for stream, piece in pieces:
            if stream == OUTCOME:
                self._outcome += piece
                self.alive = bool(piece)  # what it had printed is among the pieces, since a read empties a pipe
        return [(stream, piece) for stream, piece in pieces if piece and stream != OUTCOME]

    def join(self) -> int:
        """Wait until it has ended, and return its exit code."""
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    @property
    def returned(self) -> Pickled | None:
        """What its `run` returned; None also if it did not."""
        returned, value = self._report()
        return Pickled(value) if returned else None

    @property
    def raised(self) -> str:
        """The traceback of what its `run` raised, or nothing."""
        returned, trace = self._report()
        return "" if returned else trace.decode()

    def close(self) -> None:
        """Kill it if it still lives, and let go of all that was needed for it."""
        self.alive = False
        self._process.kill()
        self._process.join()
        self._process.close()
        for pipe in list(self._selector.get_map().values()):
            if isinstance(pipe.fileobj, int):
                os.close(pipe.fileobj)
        self._office.close()
        self._selector.close()

    def _report(self) -> tuple[bool, bytes]:
        try:
            report: tuple[bool, bytes] = loads(self._outcome)
        except (EOFError, pickle.UnpicklingError):  # it ended before it could report, or while it did
            return False, b""
        return report

    def _ready(self, timeout: float) -> list[object]:
        return [key.fileobj for key, _ in self._selector.select(timeout)]

    def _read(self, reader: int) -> bytes:
        piece = os.read(reader, CHUNK)
        if not piece:
            self._selector.unregister(reader)
            os.close(reader)
        return piece


running: weakref.WeakSet[Child] = weakref.WeakSet()  # and those that have ended, which no signal reaches


def _live(payload: bytes, pipes: Pipes, office: Office) -> None:
    for reader, _ in pipes.values():
        os.close(reader)
    office.counter.close()
    for stream in (1, 2):
        os.dup2(pipes[stream][1], stream)
        os.close(pipes[stream][1])
    # A line at a time, whatever the worker's own output is; its buffers are not this process's.
    sys.stdout, sys.stderr = _lines(1, office, "strict"), _lines(2, office, "backslashreplace")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # not as the worker has set them
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    outcome = os.fdopen(pipes[OUTCOME][1], "wb")
    os.register_at_fork(after_in_child=outcome.close)  # when it is closed, this process has ended
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()
    sys.exit(_perform(payload, outcome, parent.sentinel))


def _lines(stream: int, office: Office, errors: str) -> io.TextIOWrapper:
    printer = io.BufferedWriter(Printer(stream, office.customers))
    return io.TextIOWrapper(printer, encoding="utf-8", errors=errors, line_buffering=True)


def _die_with(parent: int) -> None:
    wait([parent])
    os.kill(os.getpid(), signal.SIGKILL)


def _perform(payload: bytes, outcome: IO[bytes], parent: int) -> int:
    try:
        authkey, pickled = loads(payload)
        multiprocessing.current_process().authkey = authkey  # opens what the parent has handed over
        process = loads(pickled)
    except Exception:
        traceback.print_exc()
        _report(outcome, False, traceback.format_exc().encode())
        return 1
    process.run = _reporting(process.run, outcome)
    return int(process._bootstrap(parent_sentinel=parent))


def _reporting(run: Callable[[], object], outcome: IO[bytes]) -> Callable[[], None]:
    def reporting() -> None:
        try:
            value = run()
        except SystemExit:
            raise
        except BaseException:
            _report(outcome, False, traceback.format_exc().encode())
            raise
        if value is not None:
            _report(outcome, True, _pickled(value))

    return reporting


def _pickled(value: object) -> bytes:
    try:
        return dumps(value)
    except Exception:
        return dumps(UNSERIALIZABLE_RETURN_VALUE_PAYLOAD)  # as RQ does


def _report(outcome: IO[bytes], returned: bool, what: bytes) -> None:
    pickle.dump((returned, what), outcome)
    outcome.flush()
