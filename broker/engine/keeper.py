"""A keeper: a program beside this process that renews its leases, also while C code keeps the GIL."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pickle
import struct
from collections import deque
from collections.abc import Mapping

from broker.engine.lease import Lease
from broker.errors import BrokerError, InvalidArgumentError, UnsupportedError
from broker.subprocesses.restarted_program import RestartedProgram
from broker.transport.address import KEEPERS

CELLS = 1 << 16  # leases of one process that its keeper can renew at the same time
PIPE_SIZE = 1 << 20  # bytes; what a process acquires and releases while its keeper pauses
FREE, LOST = 0.0, -1.0  # in a cell: it belongs to no lease; the server has said that the lease is lost
LENGTH = struct.Struct("I")  # of the message that follows: a pickled cell number, with its lease or None


class Registration:
    """A registration of a lease with the keeper: its cell, in memory that both processes share.

    The keeper writes into the cell until when it has renewed the lease. A cell is eight bytes that are written at once.
    """

    def __init__(self, keeper: Keeper, cells: memoryview[float], cell: int) -> None:
        self._keeper = keeper
        self.cells = cells
        self.cell = cell

    @property
    def deadline(self) -> float:
        """Until when the lease is certain, on the monotonic clock, which both processes share; or `LOST`."""
        return self.cells[self.cell]

    def end(self, lease: Lease) -> None:
        """Have the keeper renew the lease no longer."""
        self._keeper.unregister(lease, self)


class Keeper(RestartedProgram):
    """Runs `broker.engine.keeper_program`, and tells it which leases begin and end.

    The thread that renews leases goes on to look at each, later than the keeper does, and renews what that has not.
    So it does not matter if the keeper is late, cannot be told, or was killed: that thread renews the leases meanwhile.
    """

    _module = "broker.engine.keeper_program"

    def __init__(self, url: str, leases: Mapping[bytes, Lease]) -> None:
        check_supported()
        super().__init__()
        self._url = url
        self._leases = leases  # all that are to be renewed, by their tokens

    def keep(self, lease: Lease) -> None:
        """Have the keeper renew `lease`, from what is known of it now; raise `BrokerError` if it cannot be started."""
        with self._lock:
            if self._stopped.is_set():
                return
            self.end(lease)
            if self._supervisor is None:
                self._start_first()  # it is told of all leases
            elif lease.needs_renewal and self._leases.get(lease.token) is lease:
                self._register(lease)

    def end(self, lease: Lease) -> None:
        """Have the keeper renew `lease` no longer."""
        with self._lock:
            if lease.keeping is not None:
                lease.keeping.end(lease)

    def unregister(self, lease: Lease, registration: Registration) -> None:
        """End this registration, unless it has ended already."""
        with self._lock:
            if lease.keeping is not registration:
                return
            lease.deadline = max(lease.deadline, registration.deadline)
            if registration.cells is self._cells and self._parent_pipe.is_open:  # the program that runs now knows it
                self._to_end[registration.cell] = None
            lease.keeping = None
            self._tell_ends()

    def _start_first(self) -> None:
        try:
            self.start()
        except (OSError, RuntimeError) as error:
            raise BrokerError(f"leases cannot be kept by a process beside this one: {error}") from error

    def _launch(self) -> None:
        memory = os.memfd_create("broker-leases")
        try:
            os.ftruncate(memory, CELLS * 8)
            self._cells = memoryview(mmap.mmap(memory, CELLS * 8)).cast("d")
            self._unused = 0  # the first cell that was never used
            self._to_end: dict[int, None] = {}  # cells whose leases have ended, in order
            self._ended: deque[int] = deque()  # those of which the keeper was told; it sets them to FREE
            self._start(json.dumps([self._url, os.getpid(), memory]).encode(), (memory,))
            self._parent_pipe.enlarge(PIPE_SIZE)
        finally:
            os.close(memory)
        for lease in list(self._leases.values()):
            lease.keeping = None
            self._register(lease)

    def _tell_ends(self) -> None:
        """Tell the keeper what has ended, unless the pipe is full: then later, and the server refuses to renew it."""
        for cell in list(self._to_end):
            if not self._parent_pipe.write_at_once(pack(cell, None)):
                return
            if cell in self._to_end:  # a finalizer that interrupts this tells what has ended, too
                del self._to_end[cell]
                self._ended.append(cell)

    def _register(self, lease: Lease) -> None:
        self._tell_ends()
        cell = self._take_cell()
        if cell is None:
            return
        self._cells[cell] = lease.deadline
        message = pack(cell, lease)
        lease.keeping = Registration(self, self._cells, cell)  # first: if this is interrupted, it can be ended
        if self._parent_pipe.write_at_once(message):
            lease.renew_at += (lease.deadline - lease.renew_at) / 4  # by then, the keeper should have renewed it
        else:
            lease.keeping = None
            self._cells[cell] = FREE
            self._ended.append(cell)

    def _take_cell(self) -> int | None:
        if self._ended and self._cells[self._ended[0]] == FREE:
            return self._ended.popleft()
        if self._unused == CELLS:
            return None
        self._unused += 1
        return self._unused - 1


def pack(cell: int, lease: Lease | None) -> bytes:
    """Return the message that a lease begins, or that it has ended."""
    message = pickle.dumps((cell, lease))
    return LENGTH.pack(len(message)) + message


def check_keeper(keeper: str) -> str:
    """Return "thread" or "process"; raise `InvalidArgumentError`, or `UnsupportedError` where that is not possible."""
    if keeper not in KEEPERS:
        raise InvalidArgumentError(f'keeper must be "thread" or "process", not {keeper!r}')
    if keeper == "process":
        check_supported()
    return keeper


def check_supported() -> None:
    """Raise `UnsupportedError` where no process can keep leases."""
    if not hasattr(os, "memfd_create") or process_state(os.getpid()) == "":
        raise UnsupportedError("keeper='process' needs Linux and /proc, where it sees whether this process is stopped")


def process_state(pid: int) -> str:
    """Return the state of a process as /proc has it: "T" or "t" if it is stopped, "" if there is none."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as stat:
        return stat.read().rpartition(b")")[2].split()[0].decode()
    return ""
