"""The process itself: a child of the process that runs its job, and sends it output and outcome through pipes."""

from __future__ import annotations

import _thread
import io
import multiprocessing
import os
import pickle
import selectors
import signal
import sys
import traceback
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from rq.defaults import UNSERIALIZABLE_RETURN_VALUE_PAYLOAD

from broker.engine.session import call_before_requests
from broker.locks.lock import Lock
from jobs.exchange.logging_state import LoggerState, logger_states, reset_logging
from jobs.exchange.pickling import PrePickled, dumps, loads
from jobs.exchange.program import Program
from jobs.exchange.program_folder import ProgramFolder
from jobs.worker.job_parent import JobParent, set_parent
from jobs.worker.output_order import Acknowledgements, OrderedWriter, PendingOutput

CHUNK_SIZE = 65536  # bytes; the capacity of a pipe
OUTCOME = 0  # beside 1 and 2, which are standard output and standard error

Loaded = tuple[bytes, Program, ProgramFolder] | Exception  # also the process's key; or why they cannot be unpickled
Pipes = dict[int, tuple[int, int]]  # outcome or stream -> read end, write end
FindFolder = Callable[[ProgramFolder], str]


class ChildProcess:
    """A child that runs a pickled process; it starts at once.

    In the child, `find_folder` returns where the program's folder is on this host, and `multiprocessing.parent_process`
    the process that holds `parent_lock`.
    """

    def __init__(self, payload: bytes, find_folder: FindFolder, parent_lock: Lock) -> None:
        self.alive = True
        self._outcome = b""
        self._selector = selectors.DefaultSelector()
        self._acknowledgements = Acknowledgements()
        pipes: Pipes = {stream: os.pipe() for stream in (OUTCOME, 1, 2)}
        fork = multiprocessing.get_context("fork")
        arguments = (_load(payload), find_folder, parent_lock, pipes, self._acknowledgements, logger_states())
        self._process = fork.Process(target=_child_main, args=arguments)
        # Until the child has reset the worker's handlers, and knows whether it is to ignore SIGINT.
        previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)
        _lead_process_group(self.pid)
        child_processes.add(self)
        self._acknowledgements.sender.close()
        self._selector.register(self._acknowledgements, selectors.EVENT_READ)
        for stream, (reader, writer) in pipes.items():
            os.close(writer)
            self._selector.register(reader, selectors.EVENT_READ, stream)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal; as with kill(2), a negative number is for its process group."""
        if not self.alive:
            return
        if number >= 0:
            os.kill(self.pid, number)  # it is not waited for yet, so no other process has its pid
        else:
            os.killpg(self.pid, -number)

    def read_output(self, timeout: float) -> list[tuple[int, bytes]]:
        """Return streams and what was written to them, within `timeout` seconds; the last call makes `alive` false.

        A call acknowledges the output that the previous one has returned.
        """
        self._acknowledgements.acknowledge()
        ready = self._ready(timeout)
        if self._acknowledgements in ready:
            if not self._acknowledgements.receive():
                self._selector.unregister(self._acknowledgements)
            ready = self._ready(0)  # includes what was written just before the request
        chunks = [(self._selector.get_key(pipe).data, self._read(pipe)) for pipe in ready if isinstance(pipe, int)]
        for stream, chunk in chunks:
            if stream == OUTCOME:
                self._outcome += chunk
                self.alive = bool(chunk)  # all its output is among the chunks, since a read empties a pipe
        return [(stream, chunk) for stream, chunk in chunks if chunk and stream != OUTCOME]

    def join(self) -> int:
        """Wait until it has exited, and return its exit code."""
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    @property
    def return_value(self) -> PrePickled | None:
        """The return value of `run`; None also if it has not returned."""
        returned, value = self._read_outcome()
        return PrePickled(value) if returned else None

    @property
    def error(self) -> str:
        """The formatted traceback if `run` raised; otherwise empty."""
        returned, formatted = self._read_outcome()
        return "" if returned else formatted.decode()

    def close(self) -> None:
        """Kill it if it is still alive, and release its resources."""
        self.alive = False
        self._process.kill()
        self._process.join()
        self._process.close()
        for pipe in list(self._selector.get_map().values()):
            if isinstance(pipe.fileobj, int):
                os.close(pipe.fileobj)
        self._acknowledgements.close()
        self._selector.close()

    def _read_outcome(self) -> tuple[bool, bytes]:
        try:
            outcome: tuple[bool, bytes] = loads(self._outcome)
        except (EOFError, pickle.UnpicklingError):  # it exited before it had written the outcome
            return False, b""
        return outcome

    def _ready(self, timeout: float) -> list[object]:
        return [key.fileobj for key, _ in self._selector.select(timeout)]

    def _read(self, reader: int) -> bytes:
        chunk = os.read(reader, CHUNK_SIZE)
        if not chunk:
            self._selector.unregister(reader)
            os.close(reader)
        return chunk


child_processes: weakref.WeakSet[ChildProcess] = weakref.WeakSet()  # of this process, including those that have exited


def _lead_process_group(pid: int) -> None:
    """Give it a process group of its own, with its children: what a terminal would interrupt together with it.

    Both it and its parent call this, so that neither needs to wait for the other.
    """
    with suppress(ProcessLookupError, PermissionError):  # it has ended, or has done so itself
        os.setpgid(pid, pid)


def _load(payload: bytes) -> Loaded:
    try:
        authkey, program, folder = loads(payload)
        assert isinstance(program, Program)
    except Exception as error:
        return error
    with suppress(Exception):  # the process gets the same error if it needs what caused it
        program.prepare()
    return authkey, program, folder


def _child_main(
    loaded: Loaded,
    find_folder: FindFolder,
    parent_lock: Lock,
    pipes: Pipes,
    acknowledgements: Acknowledgements,
    logging_of_worker: list[LoggerState],
) -> None:
    _lead_process_group(os.getpid())
    for reader, _ in pipes.values():
        os.close(reader)
    acknowledgements.receiver.close()
    for stream in (1, 2):
        os.dup2(pipes[stream][1], stream)
        os.close(pipes[stream][1])
    pending = PendingOutput(acknowledgements.sender)
    # New streams, since what is in the buffers of the worker's own streams is the worker's output.
    sys.stdout, sys.stderr = _line_buffered(1, pending, "strict"), _line_buffered(2, pending, "backslashreplace")
    call_before_requests(pending.wait)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # resets what the worker has set
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    outcome = os.fdopen(pipes[OUTCOME][1], "wb")
    os.register_at_fork(after_in_child=outcome.close)  # so that it is closed when this process has exited
    parent = multiprocessing.parent_process()
    assert parent is not None
    _thread.start_new_thread(_exit_with_parent, (parent.sentinel,))  # `threading` would list it and wait for its start
    reset_logging(logging_of_worker)
    sys.exit(_run_process(loaded, find_folder, parent_lock, outcome, parent.sentinel))


def _line_buffered(stream: int, pending: PendingOutput, errors: str) -> io.TextIOWrapper:
    writer = io.BufferedWriter(OrderedWriter(stream, pending))
    return io.TextIOWrapper(writer, encoding="utf-8", errors=errors, line_buffering=True)


def _exit_with_parent(parent_sentinel: int) -> None:
    os.read(parent_sentinel, 1)  # nobody writes: it returns when the parent's end is closed
    os.kill(os.getpid(), signal.SIGKILL)


def _run_process(
    loaded: Loaded, find_folder: FindFolder, parent_lock: Lock, outcome: IO[bytes], parent_sentinel: int
) -> int:
    try:
        if isinstance(loaded, Exception):
            raise loaded
        authkey, program, folder = loaded
        multiprocessing.current_process().authkey = authkey  # needed to receive sockets from the parent
        process = program.moved(find_folder(folder)).enter()
    except Exception:
        traceback.print_exc()
        _write_outcome(outcome, False, traceback.format_exc().encode())
        return 1
    process.run = _with_outcome(process.run, outcome, JobParent.of(process, parent_lock))
    return int(process._bootstrap(parent_sentinel=parent_sentinel))


def _with_outcome(run: Callable[[], object], outcome: IO[bytes], parent: JobParent) -> Callable[[], None]:
    def run_with_outcome() -> None:
        set_parent(parent)
        try:
            value = run()
        except SystemExit:
            raise
        except BaseException:
            _write_outcome(outcome, False, traceback.format_exc().encode())
            raise
        if value is not None:
            _write_outcome(outcome, True, _pickled(value))

    return run_with_outcome


def _pickled(value: object) -> bytes:
    try:
        return dumps(value)
    except Exception:
        return dumps(UNSERIALIZABLE_RETURN_VALUE_PAYLOAD)  # as RQ does


def _write_outcome(outcome: IO[bytes], returned: bool, content: bytes) -> None:
    pickle.dump((returned, content), outcome)
    outcome.flush()
