"""Four readers and two writers share a board with four numbers.

Not in the course: readers and writers. A writer writes the same number in all
four places, one after the other. Whoever reads meanwhile sees some new numbers
and some old ones: a torn read. So a writer has to be alone, while any number of
readers may read at the same time, which one lock for all would not allow.

- With --how counted the readers are counted, under the lock of a Condition. A
  writer waits until nobody reads, and a reader until nobody writes. As readers
  do not wait for each other, there may always be one of them inside, and the
  writers wait for long: they starve.
- With --how permits there is a semaphore with a permit for each reader, and a
  writer takes all of them, one by one. Each that it has got keeps a reader out,
  so its turn comes. A lock keeps two writers from taking half of them each,
  which would be a deadlock.
- With --how nothing everybody goes in.

A reader that is killed inside (--fault kill) stays counted forever, also on
Redis. There, its permit is free again after its lease.

A textbook counts the readers and lets the first one acquire the room's lock and
the last one release it. Those may be two processes, and on Redis only the
process that has acquired a lock can release it: otherwise nobody could tell
whose death makes it free.

To show the torn read in every run, the first writer stops in the middle of the
board until a reader has read it. Where the room is guarded, it stops until a
reader has asked for the room.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from lab.checks import metrics, readers, verdicts
from lab.checks.readers import ROOM
from lab.exercise import Exercise, choice, parameter
from lab.formatting import OutcomeValue
from lab.language import N_
from lab.printed_lines import PrintedLine
from lab.runtime.context import Condition, Context, Event, Permits
from lab.runtime.recorder import Recorder, actor
from lab.runtime.run import Run
from lab.trace import Trace

PLACES = 4  # on the board
READERS, WRITERS = 0, 1  # places of the numbers of those inside


class Room(Protocol):
    """What readers and writers enter."""

    def reading(self) -> AbstractContextManager[None]:
        """Enter with other readers."""

    def writing(self) -> AbstractContextManager[None]:
        """Enter alone."""


class CountedRoom:
    """Readers and writers are counted under a condition's lock."""

    def __init__(self, ctx: Context) -> None:
        self._changed: Condition = ctx.Condition()
        self._inside: Any = ctx.Array("i", 2, lock=False)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Wait until nobody writes."""
        with self._changed:
            while self._inside[WRITERS]:
                self._changed.wait()
            self._inside[READERS] += 1
        try:
            yield
        finally:
            self._leave(READERS)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Wait until nobody reads or writes."""
        with self._changed:
            while self._inside[READERS] or self._inside[WRITERS]:
                self._changed.wait()
            self._inside[WRITERS] += 1
        try:
            yield
        finally:
            self._leave(WRITERS)

    def _leave(self, place: int) -> None:
        with self._changed:
            self._inside[place] -= 1
            self._changed.notify_all()


class PermitRoom:
    """There is a permit for each reader, and a writer takes all of them."""

    def __init__(self, ctx: Context, permits: int) -> None:
        self._permits: Permits = ctx.Semaphore(permits)
        self._writer: Permits = ctx.Lock()
        self._count = permits

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold one permit."""
        with self._permits:
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold all permits."""
        with self._writer, ExitStack() as held:
            for _ in range(self._count):
                held.enter_context(self._permits)
            yield


class OpenRoom:
    """Nobody waits."""

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Enter."""
        yield

    writing = reading


@dataclass(frozen=True)
class Opening:
    """The first write, and the read that comes in the middle of it."""

    half_written: Event
    answered: Event
    guarded: bool  # whether a reader that asks for the room has to wait, so that asking is enough


@actor
def reader(me: Recorder, room: Room, board: Any, opening: Opening, reads: int, pace: float) -> None:
    """Read the board, so many times."""
    opening.half_written.wait()
    for _ in range(reads):
        if opening.guarded:
            me.record("requests", on=ROOM)
            opening.answered.set()
        with room.reading(), me.inside(ROOM, None):
            numbers = board[:]
            me.record("reads", on=ROOM, value=numbers[0], why=" ".join(map(str, numbers)))
            opening.answered.set()
            time.sleep(pace)


@actor
def first_writer(me: Recorder, room: Room, board: Any, opening: Opening, numbers: Sequence[int], pace: float) -> None:
    """Write, and stop in the middle of the first time."""
    first, *others = numbers
    if opening.guarded:
        me.record("requests", on=ROOM)
    with room.writing(), me.inside(ROOM, None):
        for place in range(PLACES):
            if place == PLACES // 2:
                opening.half_written.set()
                opening.answered.wait()
            board[place] = first
        me.record("writes", on=ROOM, value=first)
    _write(me, room, board, opening, others, pace)


@actor
def writer(me: Recorder, room: Room, board: Any, opening: Opening, numbers: Sequence[int], pace: float) -> None:
    """Write, after a reader has come in the middle of the first write."""
    opening.answered.wait()
    _write(me, room, board, opening, numbers, pace)


def _write(me: Recorder, room: Room, board: Any, opening: Opening, numbers: Sequence[int], pace: float) -> None:
    for number in numbers:
        time.sleep(pace)
        if opening.guarded:
            me.record("requests", on=ROOM)
        with room.writing(), me.inside(ROOM, None):
            for place in range(PLACES):
                board[place] = number
            me.record("writes", on=ROOM, value=number)


@dataclass(frozen=True)
class Readers(Exercise):
    """Readers, writers, and a board."""

    name = "readers"
    summary = N_("4 readers may be inside together; each of 2 writers must be alone")
    section = ROOM
    printed_lines: ClassVar = {
        "writes": PrintedLine(N_("{who} writes {value}"), "green"),
        "reads": PrintedLine(N_("{who} reads {why}")),
    }

    readers: int = parameter(4, "number of readers", minimum=1, maximum=32)
    writers: int = parameter(2, "number of writers", minimum=1, maximum=32)
    reads: int = parameter(8, "number of times that each reader reads", minimum=1, maximum=10_000)
    writes: int = parameter(3, "number of times that each writer writes", minimum=1, maximum=10_000)
    pace: float = parameter(0.03, "seconds that a reader stays inside, and a writer outside", maximum=1000)
    how: str = choice(
        "what keeps a writer alone",
        counted=N_("with readers counted under a lock"),
        permits=N_("with a permit for each reader, all of which a writer takes"),
        nothing=N_("with nothing"),
    )

    @property
    def actors(self) -> int:
        """The readers and the writers."""
        return self.readers + self.writers

    @property
    def limit(self) -> int:
        """All readers may be inside."""
        return self.readers

    @property
    def min_workers(self) -> int:
        """All run at the same time."""
        return self.actors

    def options_for(self, workers: int) -> str:
        """Return options for fewer processes."""
        return f"--writers 1 --readers {workers - 1}" if workers > 1 else ""

    def run_actors(self, run: Run) -> None:
        """Start all readers and writers."""
        room, board = self._room(run.ctx), run.ctx.Array("i", PLACES, lock=False)
        opening = Opening(run.ctx.Event(), run.ctx.Event(), guarded=self.how != "nothing")
        processes = []
        for number in range(self.writers):
            name = f"writer {number}"
            numbers = range(number * self.writes + 1, (number + 1) * self.writes + 1)
            writer_args = (run.recorder(name), room, board, opening, numbers, self.pace)
            target = writer if number else first_writer
            processes.append(run.ctx.Process(target=target, args=writer_args, name=name))
        for number in range(self.readers):
            name = f"reader {number}"
            reader_args = (run.recorder(name), room, board, opening, self.reads, self.pace)
            processes.append(run.ctx.Process(target=reader, args=reader_args, name=name))
        run.start_and_join(processes, max_silence=self.pace)

    def check(self, trace: Trace) -> verdicts.Verdict:
        """Check that nobody reads what is half written, and that every writer is alone."""
        return verdicts.worst(
            [
                readers.nothing_torn(trace),
                readers.writers_alone(trace),
                verdicts.all_finished(trace, self.actors),
            ]
        )

    def outcome(self, trace: Trace) -> Mapping[str, OutcomeValue]:
        """How often they read and wrote, and how long a reader and a writer waited."""
        return {
            N_("reads"): len(trace.of("reads")),
            N_("torn reads"): sum(map(readers.is_torn, trace.of("reads"))),
            N_("writes"): len(trace.of("writes")),
            N_("max inside"): metrics.max_inside(trace, ROOM),
            N_("reader's wait, max"): readers.longest_wait(trace, of_writers=False),
            N_("writer's wait, max"): readers.longest_wait(trace, of_writers=True),
        }

    def _room(self, ctx: Context) -> Room:
        if self.how == "nothing":
            return OpenRoom()
        return CountedRoom(ctx) if self.how == "counted" else PermitRoom(ctx, self.readers)
