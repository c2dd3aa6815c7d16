"""The program of a `Keeper`: it renews the leases of its parent as long as that exists and is not stopped."""

from __future__ import annotations

import json
import mmap
import os
import pickle
import select
import time

from broker.engine.blocking import drive
from broker.engine.keeper import CELLS, FREE, LENGTH, LOST, process_state
from broker.engine.lease import RETRY_DELAY, Lease, renew
from broker.engine.session import RENEWAL_TIMEOUT
from broker.transport.connection import NEVER, Connection
from broker.transport.wire import wire_factory

PAUSE = 0.02  # seconds between two wake-ups, so that a lock that is acquired in a loop does not cause one each time
STOPPED = ("T", "t")  # by a signal; by a debugger


class KeeperProgram:
    """Renews what its parent tells it to, and writes into the shared memory until when."""

    def __init__(self, parent_pipe: int, url: str, parent_pid: int, memory: int) -> None:
        self._parent_pipe = parent_pipe
        self._parent_pid = parent_pid
        self._connection = Connection(wire_factory(url), RENEWAL_TIMEOUT)
        self._cells = memoryview(mmap.mmap(memory, CELLS * 8)).cast("d")
        self._leases: dict[int, Lease] = {}
        self._received = bytearray()
        os.close(memory)

    def run(self) -> None:
        """Renew until the parent ends."""
        while self._receive_until(self._next_renewal()):
            for cell, lease in list(self._leases.items()):
                if lease.renew_at > time.monotonic():
                    continue
                if not self._receive_until(0.0):
                    return
                if self._leases.get(cell) is lease:  # it has not ended
                    self._renew(cell, lease)
            time.sleep(max(0.0, min(PAUSE, self._next_renewal() - time.monotonic())))

    def _next_renewal(self) -> float:
        return min((lease.renew_at for lease in self._leases.values()), default=NEVER)

    def _receive_until(self, moment: float) -> bool:
        """Wait until `moment`, or until the parent has sent something; read it, and return False if it has ended."""
        while True:
            left = max(0.0, moment - time.monotonic())
            if not select.select([self._parent_pipe], [], [], None if left == NEVER else left)[0]:
                break
            received, moment = os.read(self._parent_pipe, 65536), 0.0
            if not received:
                return False
            self._process(received)
        # A child of the parent may keep the pipe open if it was forked without Python's fork hooks.
        return os.getppid() == self._parent_pid

    def _process(self, received: bytes) -> None:
        self._received += received
        while len(self._received) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
            if len(self._received) < end:
                return
            cell, lease = pickle.loads(self._received[LENGTH.size : end])  # noqa: S301 - from the parent's own pipe
            del self._received[:end]
            if lease is not None:
                self._leases[cell] = lease
            else:
                self._leases.pop(cell, None)
                self._cells[cell] = FREE

    def _renew(self, cell: int, lease: Lease) -> None:
        if process_state(self._parent_pid) in STOPPED:
            lease.renew_at = time.monotonic() + RETRY_DELAY  # a stopped process loses its leases
        else:
            drive(renew(self._connection, lease), self._connection)
        if not lease.lost:
            self._cells[cell] = lease.deadline
        elif time.monotonic() < lease.deadline:  # else the parent knows, or has renewed it itself
            self._cells[cell] = LOST
        if lease.lost:
            del self._leases[cell]


def main() -> None:
    """Read the arguments from standard input, and renew until it reaches end of file."""
    parent_pipe = open(0, "rb", buffering=0)  # noqa: SIM115 - it stays open until the program ends
    arguments = parent_pipe.readline()
    if arguments:
        KeeperProgram(parent_pipe.fileno(), *json.loads(arguments)).run()
