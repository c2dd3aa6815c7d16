"""What the scripts of a lock or a semaphore did, as their requests, replies and messages show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.history import Entry, Happened, Ran
from tests.simulation.schedule import DATA_LOSS, Schedule
from tests.simulation.server import SECOND

RELEASES = ("release", "withdraw")


@dataclass(slots=True)
class Event:
    """A change for one request.

    It has `joined` or `left` the queue, or was `dropped` from it; it was `granted` a permit, whose lease was `renewed`
    or `expired`, or which was `freed`; or the fence of its grant was `raised`.
    """

    kind: str
    token: bytes
    fence: int = 0
    expiry: int = 0  # of the lease, on the server's clock


class Queue:
    """Who holds and who waits, as far as it is known."""

    def __init__(self, schedule: Schedule) -> None:
        self._lease = round(schedule.lease * SECOND)
        self.held: dict[bytes, int] = {}  # token -> expiry
        self.fences: dict[bytes, int] = {}  # of the last grant
        self.waiting: dict[bytes, float] = {}  # token -> when it joined, in order
        self.seen: set[bytes] = set()
        self.exempt: set[bytes] = set()  # requests from before the last loss of data: their permits may be lost
        self.old: set[bytes] = set()  # those, and others whose records have survived
        self.uncertain_until = 0.0

    def follow(self, entry: Entry) -> list[Event]:
        """Process an entry of the history; return the events."""
        if isinstance(entry, Happened):
            if entry.kind in DATA_LOSS or entry.kind == "clock forward":
                self._lose_data(entry)
            return []
        if not isinstance(entry, Ran):
            return []
        self.seen.add(entry.token)
        if entry.events is None:
            entry.events = [*self._expired(entry), *self._events(entry)]
        for event in entry.events:
            self._apply(event, entry.time)
        return entry.events

    def _expired(self, entry: Ran) -> Iterator[Event]:
        own = entry.script == "acquire" and self.fences.get(entry.token) == entry.reply
        freed = entry.script in RELEASES and entry.reply == 1 and entry.token not in self.waiting and self.waiting
        if (entry.script == "acquire" and not own) or freed:
            for token, expiry in self.held.items():
                if expiry <= entry.server_time and token != entry.token:
                    yield Event("expired", token, expiry=expiry)

    def _lose_data(self, entry: Happened) -> None:
        self.held.clear()
        self.waiting.clear()
        self.exempt |= self.seen
        self.old |= self.seen
        self.uncertain_until = entry.time + self._lease / SECOND + 15.0

    def _events(self, entry: Ran) -> Iterator[Event]:
        token = entry.token
        if entry.script in RELEASES and entry.reply == 1:
            yield Event("left" if token in self.waiting else "freed", token)
        elif entry.script == "renew" and entry.reply == 1:
            yield Event("renewed", token, expiry=max(self.held.get(token, 0), entry.server_time + self._lease))
        elif entry.script == "raise_fence" and entry.reply > 0:
            yield Event("raised", token, entry.reply, entry.server_time + self._lease)
        elif entry.script == "acquire" and isinstance(entry.reply, list):
            if entry.arguments[0] == b"0":
                if token in self.waiting:
                    yield Event("left", token)
            elif token not in self.waiting:
                yield Event("joined", token)
        grants = []
        # A waiter behind the head that asks again tells the head last; a head that it cannot reach keeps its place.
        asks_again = entry.script == "acquire" and isinstance(entry.reply, list) and entry.reply[2] > 0
        for place, message in enumerate(entry.messages, 1):
            waiter, fence, expiry = message.payload.split()
            if not message.received:
                if not (asks_again and place == len(entry.messages)):
                    yield Event("dropped", waiter)
            elif fence != b"0":
                grants.append(Event("granted", waiter, int(fence), int(expiry)))
        if entry.script == "acquire" and isinstance(entry.reply, int):
            expiry = max(self.held.get(token, 0), entry.server_time + self._lease)
            if self.fences.get(token) == entry.reply:
                yield Event("renewed", token, entry.reply, expiry)
            else:
                grants.append(Event("granted", token, entry.reply, expiry))
        yield from sorted(grants, key=lambda event: event.fence)

    def _apply(self, event: Event, time: float) -> None:
        if event.kind == "joined":
            self.waiting[event.token] = time
            self.held.pop(event.token, None)  # it has not acknowledged an earlier grant
            return
        if event.kind == "renewed":
            self.held[event.token] = event.expiry
            self.exempt.discard(event.token)
        elif event.kind in ("granted", "raised"):
            self.held[event.token] = event.expiry
            self.fences[event.token] = event.fence
            self.waiting.pop(event.token, None)
        else:
            self.waiting.pop(event.token, None)
            self.held.pop(event.token, None)
