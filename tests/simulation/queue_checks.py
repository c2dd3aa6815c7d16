"""Checks of queues: no item is lost, got twice, or got out of order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from tests.simulation.history import Call, Ended, Entry, Happened, Ran
from tests.simulation.schedule import DATA_LOSS, Schedule
from tests.simulation.violation import Violation


def every_item_is_got_once(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """An item that was put is got once, or is left at the end; only who is killed in `get`, or after one that failed,
    may lose one."""
    put, got, refused = set[bytes](), dict[bytes, int](), set[bytes]()
    old, stored = set[bytes](), set[bytes]()  # what a server may have lost; what was ever on it
    taken, done = dict[bytes, tuple[int, bytes]](), set[bytes]()  # by which process and token, unless returned since
    items = dict[bytes, bytes]()  # by token
    killed = set[int | None]()
    joinable = schedule.primitive == "joinable"
    for entry in history:
        if isinstance(entry, Happened):
            if entry.kind in DATA_LOSS:
                old |= stored
            if entry.kind in ("kill", "power off"):
                killed.add(entry.process)
        elif isinstance(entry, Ran):
            if entry.script == "put":
                stored.add(entry.arguments[2])
            elif entry.script == "get" and isinstance(entry.reply, bytes) and entry.reply:
                taken[entry.reply] = entry.process, entry.token
                items[entry.token] = entry.reply
                if entry.reply in done and entry.reply not in old:
                    yield Violation("items", entry.time, f"item {entry.reply!r} was got after it was done")
            elif entry.script == "return_item" and entry.token in items:
                item = items[entry.token]
                if item in taken and taken[item][1] == entry.token:  # else this is a late copy
                    del taken[item]
            elif entry.script == "task_done" and entry.reply == 1:
                done.add(items[entry.token])
        elif isinstance(entry, Call) and entry.call == "put" and entry.token is not None:
            if entry.status == "succeeded":
                put.add(entry.token)
            elif entry.status == "failed":
                refused.add(entry.token)
        elif isinstance(entry, Call) and entry.call == "get" and entry.status == "succeeded":
            item = entry.value
            got[item] = got.get(item, 0) + 1
            if item not in stored or item in refused:
                yield Violation("items", entry.time, f"item {item!r} was got, and was not put")
            if got[item] > 1 and item not in old and not joinable:
                yield Violation("items", entry.time, f"item {item!r} was got twice")
        elif isinstance(entry, Ended):
            excused = () if joinable else (item for item, (process, _) in taken.items() if process in killed)
            lost = put.difference(got, entry.value, old, excused)
            if lost:
                yield Violation("items", entry.time, f"items {sorted(lost)} are lost")


def items_are_got_in_order(history: Sequence[Entry], schedule: Schedule) -> Iterator[Violation]:
    """Items leave the queue in the order in which they came; one that is returned comes back to the front."""
    items, taken = deque[bytes](), dict[bytes, bytes]()
    last = dict[bytes, int]()  # the number of each client's last request: an earlier one is neither done nor undone
    for entry in history:
        if isinstance(entry, Happened) and entry.kind in DATA_LOSS:
            return
        if not isinstance(entry, Ran) or schedule.primitive != "queue":
            continue
        client, _, digits = entry.token.rpartition(b"/")[0].rpartition(b":")
        number = int(digits)
        if entry.script == "return_item" and number == last.get(client) and entry.token in taken:
            items.appendleft(taken.pop(entry.token))
        if number <= last.get(client, 0):
            continue
        if entry.script == "put" and entry.reply == 1:
            items.append(entry.arguments[2])
        elif entry.script == "get" and isinstance(entry.reply, bytes):
            taken[entry.token] = entry.reply
            if not items or items[0] != entry.reply:
                yield Violation("items", entry.time, f"item {entry.reply!r} was got before {list(items)[:3]}")
                return
            items.popleft()
        elif entry.script not in ("return_item", "withdraw_put"):
            continue
        last[client] = number
