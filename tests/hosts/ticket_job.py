"""A plain RQ job that sells one ticket, however often it runs."""

from __future__ import annotations

import socket

from broker import Event, Lock, Queue
from lab.runtime.store import Store


def sell_ticket(ticket: int, lock: Lock, db: Store, paid: Event, sales_log: Queue) -> None:
    """Sell `ticket` as soon as it is `paid`, unless it is sold already, and log the host that sold it."""
    with lock:
        if db.read(lock.fence) == ticket:
            paid.wait()
            db.write(ticket - 1, lock.fence)
            sales_log.put(socket.gethostname())
