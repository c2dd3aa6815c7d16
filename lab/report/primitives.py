"""A table of the primitives on a server: who holds them and who waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    found = (each for each in primitives if text.lower() in _title(each).lower())
    return sorted(found, key=ORDERS[order])


def primitives_table(primitives: Sequence[PrimitiveInfo], now: float) -> Table:
    """Return the table; `now` is the time of the server's clock."""
    table = Table()
    for column in ("primitive", "state", "process"):
        table.add_column(column, overflow="fold")
    for column in ("holds or waits", "for", "lease"):
        table.add_column(column, no_wrap=True)
    for primitive in primitives:
        first, *more = [*_holders(primitive, now), *_waiters(primitive, now)] or [("",) * 4]
        table.add_row(Text(_title(primitive)), Text(_state(primitive)), *map(Text, first))
        for row in more:
            table.add_row("", "", *map(Text, row))
    return table


def explain_circular_wait(primitives: Sequence[PrimitiveInfo]) -> str:
    """Return who holds what and waits for what if threads wait for each other in a circle; else nothing."""
    circle = circular_wait(primitives)
    phrases = [
        f"{wait.waiter.process} ({_address(wait.waiter)}) holds {previous.wanted.name} and waits for {wait.wanted.name}"
        for previous, wait in zip([*circle[-1:], *circle], circle, strict=False)
    ]
    return f"Circular wait: {'; '.join(phrases)}." if phrases else ""


def _title(primitive: PrimitiveInfo) -> str:
    return f"{primitive.kind} {primitive.name}"


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
    if primitive.kind == "Lock":
        return "free" if primitive.free else "held"
    if primitive.kind == "Board":
        return f"alive: {primitive.alive[0] if len(primitive.alive) == 1 else format_names(primitive.alive)}"
    if primitive.is_set is not None:
        waiting = f", {primitive.waiting} waiting" if primitive.waiting else ""
        return f"{'set' if primitive.is_set else 'not set'}{waiting}"
    if primitive.items is None:
        return f"{primitive.free} of {primitive.capacity} free"
    limit = "" if primitive.capacity is None else f" of {primitive.capacity}"
    return f"{primitive.items}{limit} item{'s' * (primitive.items != 1 or bool(limit))}"
