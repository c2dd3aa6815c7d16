"""Many clients buy tickets from a small stock that all of them share.

The course keeps the number of tickets left in a JSON file called `db`. A
hundred clients come at the same time. Each looks how many tickets are left, and
then buys one: it reads the number again, waits a moment (for the network), and
if there is a ticket left, it subtracts one, waits another moment and writes the
number back.

Without a lock (--how nothing), several clients read the same number before one
of them has written it, and each sells the same ticket. With a lock around
reading and writing, one client buys at a time, which is slower, and correct: as
many tickets are sold as there are.

The course's advice is better still: pass messages instead of sharing data. One
seller owns the number (--how queue). The clients put their requests into a
queue, and each receives the answer through a pipe of its own. That is correct
without a lock, and fast: the waits for the network are part of the requests and
answers, and those of all clients overlap.

On one machine the stock is the course's file. Where the clients run on several
hosts it is a Redis key, which is read and written in the same two steps.

There a lock must become free when its holder is lost, so it has a lease. With
--fault pause a client pauses between reading and writing, for five seconds and
under a lease of three. When it resumes, the next client is inside already, and
the late write would undo what was sold in between. So the stock is written
under the lock's fence, a number that increases with every grant, and refuses a
write whose fence is smaller than one that it has seen. The refused client asks
for the lock again. Without the fence (--how unfenced) the late write is
accepted, and tickets are sold twice. The local lock has no lease: everybody
waits. With --fault kill the client is killed there. Then the local lock stays
locked forever, and nobody else buys; the others are free after the lease.

The course's other numbers: ten clients who look and then buy (--clients 10); a
hundred clients, one ticket and no lock (--stock 1 --how nothing).
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from lab.checks import tickets, verdicts
from lab.errors import StaleFenceError
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Connection, Permits, Queue
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.runtime.store import Store
from lab.trace import LAB, Trace

READS = "reads"  # what: inside, before it buys


@actor
def client(
    me: Recorder,
    lock: Permits | None,
    db: Store,
    seed: str,
    pace: float,
    fenced: bool,
) -> None:
    """Look how many tickets are left, then buy one; try again if the lease was lost meanwhile."""
    rng = random.Random(seed)  # noqa: S311 - the same sleeps on every backend
    me.record("sees", value=db.read())
    done = False
    while not done:
        with me.inside("db", lock) as fence:
            try:
                _buy(me, db, rng, pace, fence if fenced else None)
                done = True
            except StaleFenceError as refusal:
                me.record("is refused", on="db", fence=refusal.fence, why=str(refusal))


def _buy(me: Recorder, db: Store, rng: random.Random, pace: float, fence: int | None) -> None:
    """Buy a ticket if one is left; record the sale after it has been written."""
    count = db.read(fence)
    me.record(READS, on="db", value=count)
    time.sleep(rng.random() * pace)
    if count < 1:
        me.record("gets no ticket")
        return
    count -= 1
    time.sleep(rng.random() * pace)
    db.write(count, fence)
    me.record("buys", value=count, fence=fence)


@actor
def seller(me: Recorder, requests: Queue, db: Store, clients: int) -> None:
    """Send each client the number of its ticket, or None."""
    count = db.read()
    for _ in range(clients):
        reply: Connection = requests.get()
        with me.inside("db", None):
            if count > 0:
                count -= 1
                db.write(count)
                reply.send(count)
            else:
                reply.send(None)
        reply.close()


@actor
def requester(
    me: Recorder,
    requests: Queue,
    db: Store,
    pipe: tuple[Connection, Connection],
    seed: str,
    pace: float,
) -> None:
    """Look how many tickets are left, then ask the seller for one."""
    rng = random.Random(seed)  # noqa: S311 - the same sleeps on every backend
    me.record("sees", value=db.read())
    answer, reply = pipe
    time.sleep(rng.random() * pace)
    me.record("requests", on="db")
    requests.put(reply)
    ticket = answer.recv()
    if ticket is None:
        me.record("gets no ticket")
    else:
        time.sleep(rng.random() * pace)
        me.record("buys", value=ticket)


@dataclass(frozen=True)
class Tickets(Exercise):
    """The course's tickets."""

    name = "tickets"
    summary = N_("100 clients buy 5 tickets; a lock keeps one from being sold twice")
    section = "db"
    counted_actors = N_("{count} clients")
    inside_events = (READS,)
    judges_faults = True
    printed_lines: ClassVar = {
        "sees": PrintedLine(N_("tickets left: {value}"), "on yellow"),
        "buys": PrintedLine(N_("bought a ticket"), "green"),
        "gets no ticket": PrintedLine(N_("no ticket"), "red"),
        "is refused": PrintedLine(N_("{who} lost the lock, its write is refused"), "red"),
    }

    clients: int = parameter(100, "number of clients", minimum=1)
    stock: int = parameter(5, "number of tickets", minimum=1)
    pace: float = parameter(0.05, "seconds for one second of the course", maximum=1000)
    how: str = choice(
        "how the clients share the stock",
        lock=N_("under a lock"),
        nothing=N_("with nothing between them"),
        queue=N_("through a queue with one seller"),
        unfenced=N_("under a lock whose fence is not checked"),
    )
    seed: int = parameter(0, "seed of the random waits", maximum=2**32)

    @property
    def actors(self) -> int:
        """The clients, and the seller if there is one."""
        return self.clients + (self.how == "queue")

    @property
    def min_workers(self) -> int:
        """A client waits for the seller's answer."""
        return 2 if self.how == "queue" else 1

    def run_actors(self, run: Run) -> None:
        """Start all clients."""
        db = run.store(self.stock)
        if self.how == "queue":
            self._run_seller(run, db)
        else:
            self._run_shared(run, db)
        lab = run.recorder(LAB)
        for fence, count in db.last_writes().items():
            lab.record(tickets.CONFIRMS, fence=fence, value=count)
        lab.record("counts", value=db.read())

    def _run_shared(self, run: Run, db: Store) -> None:
        lock = run.ctx.Lock() if self.how in ("lock", "unfenced") else None
        clients = []
        for number in range(self.clients):
            name = f"client {number}"
            args = (run.recorder(name), lock, db, f"{self.seed}/{number}", self.pace, self.how == "lock")
            clients.append(run.ctx.Process(target=client, args=args, name=name))
        run.start_and_join(clients, max_silence=self.pace)

    def _run_seller(self, run: Run, db: Store) -> None:
        requests = run.ctx.Queue()
        pipes = [run.ctx.Pipe(duplex=False) for _ in range(self.clients)]
        seller_args = (run.recorder("seller"), requests, db, self.clients)
        actors = [run.ctx.Process(target=seller, args=seller_args, name="seller")]
        for number, pipe in enumerate(pipes):
            name = f"client {number}"
            args = (run.recorder(name), requests, db, pipe, f"{self.seed}/{number}", self.pace)
            actors.append(run.ctx.Process(target=requester, args=args, name=name))
        run.start_and_join(actors, max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that each ticket is sold once, and that one client buys at a time."""
        return verdicts.worst(
            [
                tickets.sold_once(trace, self.stock, "requests" if self.how == "queue" else "enters"),
                verdicts.within_limit(trace, self.section, self.limit, fenced=self.how == "lock"),
                verdicts.fences_increase(trace, self.section),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How many tickets were sold, and how many clients got none."""
        sold = len(tickets.sold_tickets(trace))
        refused = len(trace.of("gets no ticket"))
        return {
            N_("sold"): sold,
            N_("refused"): refused,
            N_("oversold"): max(0, sold - self.stock),
            N_("refused by fence"): len(trace.of("is refused")) if trace.faults else None,
            N_("response, median"): _response_time(trace),
        }


def _response_time(trace: Trace) -> float | None:
    """Return the median time from looking at the stock to having a ticket, or to knowing that none is left."""
    seen = {event.who: event.when for event in trace.of("sees")}
    served = [event.when - seen[event.who] for event in trace.of("buys", "gets no ticket") if event.who in seen]
    return median(served) if served else None
