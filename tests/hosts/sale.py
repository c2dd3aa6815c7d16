"""A plain RQ job that sells one ticket, however often it is run."""

from __future__ import annotations

import socket

from broker import Event, Lock, Queue
from lab.runtime.store import Store


def sell(ticket: int, lock: Lock, db: Store, paid: Event, receipts: Queue) -> None:
    """Sell `ticket` as soon as it is `paid`, unless it is sold already; a receipt names the host."""
    with lock:
        if db.read(lock.fence) == ticket:
            paid.wait()
            db.write(ticket - 1, lock.fence)
            receipts.put(socket.gethostname())
