"""Many clients buy from a small stock of tickets that all of them share.

The course keeps the number of tickets left in a JSON file called `db`. A
hundred clients come at once; each looks how many tickets there are, and then
buys one: it reads the number again, waits a moment (the network), and if there
is a ticket, takes one off, waits another moment and writes the number back.

Without a lock several clients read the same number before one of them has
written it, and each sells the same ticket. With a lock around the reading and
the writing, one client at a time buys, which is slower, and right: as many are
sold as there are.

On one machine the stock is the course's file; where the clients run on several
hosts it is a Redis key, read and written in the same two separate steps.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

from lab import checks
from lab.context import Guard
from lab.exercise import Exercise, parameter
from lab.recorder import Recorder, actor
from lab.run import Run
from lab.store import Store
from lab.trace import Trace


@actor
def client(
    me: Recorder,
    lock: Guard | None,
    db: Store,
    seed: str,
    pace: float,
) -> None:
    """Look how many tickets there are, then try to buy one."""
    rng = random.Random(seed)  # noqa: S311 - the same sleeps on every backend
    me.note("sees", value=db.read())
    with me.inside("db", lock):
        count = db.read()
        time.sleep(rng.random() * pace)
        if count > 0:
            count -= 1
            time.sleep(rng.random() * pace)
            db.write(count)
            me.note("buys", value=count)
        else:
            me.note("goes without")


@dataclass(frozen=True)
class Tickets(Exercise):
    """The course's tickets."""

    name = "tickets"
    summary = "100 clients buy 5 tickets; a lock keeps them from selling one twice"
    section = "db"
    people = "clients"

    clients: int = parameter(100, "how many come to buy", least=1)
    stock: int = parameter(5, "how many tickets there are", least=1)
    pace: float = parameter(0.05, "seconds for one of the course's", most=1000)
    lock: bool = parameter(True, "whether a lock is held while buying", most=1)
    seed: int = parameter(0, "of the random waits", most=2**32)

    @property
    def actors(self) -> int:
        """The clients."""
        return self.clients

    @property
    def limit(self) -> int:
        """One client buys at a time."""
        return 1

    def play(self, run: Run) -> None:
        """Let all clients come at once."""
        lock = run.ctx.Lock() if self.lock else None
        db = run.store(self.stock)
        clients = []
        for number in range(self.clients):
            name = f"client {number}"
            args = (run.recorder(name), lock, db, f"{self.seed}/{number}", self.pace)
            clients.append(run.ctx.Process(target=client, args=args, name=name))
        run.perform(clients, longest_pause=self.pace)
        run.recorder("lab").note("counts", value=db.read())

    def check(self, trace: Trace) -> checks.Verdict:
        """Each ticket is sold once, by one client at a time."""
        return checks.worst(
            [
                checks.stock_conserved(trace, self.stock),
                checks.at_most(trace, self.section, self.limit),
                checks.fences_rise(trace, self.section),
                checks.all_ended(trace, self.clients),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, int]:
        """How many were sold, and to how many there was nothing to sell."""
        sold = len(trace.of("buys"))
        refused = len(trace.of("goes without"))
        oversold = max(0, sold - self.stock)
        return {"sold": sold, "refused": refused, "oversold": oversold}
