"""A table of the primitives on a server: who holds them and who waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from math import inf
from typing import Any

from rich.table import Table
from rich.text import Text

from broker import Holder, PrimitiveInfo, Waiter
from lab.checks.circular_wait import circular_wait
from lab.formatting import format_age, format_names

Row = tuple[str, str, str, str]  # process, what it does, for how long, seconds left of its lease


def summarize_primitives(primitives: Sequence[PrimitiveInfo], busy_only: bool) -> str:
    """Return in words how many primitives there are, how many of them are held, and how many processes wait."""
    if not primitives:
        return "no primitive is held, waited for or not empty" if busy_only else "no primitives"
    held = sum(bool(primitive.holders) for primitive in primitives)
    waiting = sum(primitive.waiting for primitive in primitives)
    busy = "busy " * busy_only
    return f"{len(primitives)} {busy}primitive{'s' * (len(primitives) > 1)}, {held} held, {waiting} waiting"


def _held_since(primitive: PrimitiveInfo) -> float:
    return min((holder.since for holder in primitive.holders), default=inf)


# The orders in which primitives can be listed, by what comes first.
ORDERS: dict[str, Callable[[PrimitiveInfo], tuple[Any, ...]]] = {
    "most waiting": lambda each: (-each.waiting, _held_since(each)),
    "held longest": lambda each: (_held_since(each), -each.waiting),
    "name": lambda each: (each.name, each.kind),
}


def select_primitives(primitives: Iterable[PrimitiveInfo], order: str, text: str = "") -> list[PrimitiveInfo]:
    """Return those whose kind and name, as the table shows them, contain `text`, in one of the `ORDERS`."""
    found = (each for each in primitives if text.lower() in title_of(each).lower())
    return sorted(found, key=ORDERS[order])


def primitives_table(primitives: Iterable[PrimitiveInfo], now: float, rows: int | None = None) -> Table:
    """Return the table, or its first `rows`; `now` is the time of the server's clock."""
    table = Table()
    for column in ("primitive", "state", "process"):
        table.add_column(column, overflow="fold")
    for column in ("holds or waits", "for", "lease"):
        table.add_column(column, no_wrap=True)
    for row in islice(_rows(primitives, now), rows):
        table.add_row(*map(Text, row))
    return table


def explain_circular_wait(primitives: Sequence[PrimitiveInfo]) -> str:
    """Return who holds what and waits for what if threads wait for each other in a circle; else nothing."""
    circle = circular_wait(primitives)
    phrases = [
        f"{wait.waiter.process} ({_address(wait.waiter)}) holds {previous.wanted.name} and waits for {wait.wanted.name}"
        for previous, wait in zip([*circle[-1:], *circle], circle, strict=False)
    ]
    return f"Circular wait: {'; '.join(phrases)}." if phrases else ""


def title_of(primitive: PrimitiveInfo) -> str:
    """Return the kind and the name, as the table shows them."""
    return f"{primitive.kind} {primitive.name}"


def _rows(primitives: Iterable[PrimitiveInfo], now: float) -> Iterator[tuple[str, ...]]:
    for primitive in primitives:
        used = chain(_holders(primitive, now), _waiters(primitive, now))
        yield title_of(primitive), _state(primitive), *next(used, ("",) * 4)
        for row in used:
            yield "", "", *row


def _holders(primitive: PrimitiveInfo, now: float) -> Iterator[Row]:
    for holder in primitive.holders:
        lease = f"{holder.lease_left:.1f} s"
        yield f"{holder.process}\n{_address(holder)}", f"holds, fence\n{holder.fence}", _age(holder, now), lease


def _waiters(primitive: PrimitiveInfo, now: float) -> Iterator[Row]:
    for waiter in primitive.waiters:
        yield (
            f"{waiter.process}\n{_address(waiter)}",
            "waits" if waiter.call == "wait" else f"waits: {waiter.call},\nplace {waiter.place}",  # an event wakes all
            _age(waiter, now),
            "",
        )


def _address(requester: Holder | Waiter) -> str:
    """Return the host and the process id, and the thread's id unless it is the main thread's."""
    thread = "" if requester.thread == requester.pid else f"/{requester.thread}"
    return f"{requester.host}/{requester.pid}{thread}"


def _age(requester: Holder | Waiter, now: float) -> str:
    return format_age(max(0.0, now - requester.since))


def _state(primitive: PrimitiveInfo) -> str:
    if primitive.kind in ("Lock", "RLock"):
        return "free" if primitive.free else "held"
    if primitive.type is not None:
        return primitive.type
    if primitive.kind == "Barrier":
        return f"{primitive.waiting} of {primitive.capacity} waiting"
    if primitive.kind == "Condition":
        return f"{primitive.waiting} waiting"
    if primitive.kind == "Board":
        return f"alive: {primitive.alive[0] if len(primitive.alive) == 1 else format_names(primitive.alive)}"
    if primitive.is_set is not None:
        waiting = f", {primitive.waiting} waiting" if primitive.waiting else ""
        return f"{'set' if primitive.is_set else 'not set'}{waiting}"
    if primitive.items is None:
        return f"{primitive.free} of {primitive.capacity} free"
    limit = "" if primitive.capacity is None else f" of {primitive.capacity}"
    return f"{primitive.items}{limit} item{'s' * (primitive.items != 1 or bool(limit))}"
