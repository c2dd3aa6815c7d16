"""A table of the primitives on a server: who holds them and who waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from gettext import gettext as _
from gettext import ngettext, pgettext
from itertools import chain, islice
from math import inf
from typing import Any

from rich.table import Table
from rich.text import Text

from broker import Holder, PrimitiveInfo, Waiter
from lab.checks.circular_wait import circular_wait
from lab.formatting import format_age, format_names, join_clauses
from lab.language import N_

Row = tuple[str, str, str, str]  # process, what it does, for how long, seconds left of its lease


def summarize_primitives(primitives: Sequence[PrimitiveInfo], busy_only: bool) -> str:
    """Return in words how many primitives there are, how many of them are held, and how many processes wait."""
    if not primitives:
        return _("no primitive is held, waited for or not empty") if busy_only else _("no primitives")
    held = sum(bool(primitive.holders) for primitive in primitives)
    waiting = sum(primitive.waiting for primitive in primitives)
    count = len(primitives)
    if busy_only:
        sentence = ngettext(
            "{count} busy primitive, {held} held, {waiting} waiting",
            "{count} busy primitives, {held} held, {waiting} waiting",
            count,
        )
    else:
        sentence = ngettext(
            "{count} primitive, {held} held, {waiting} waiting",
            "{count} primitives, {held} held, {waiting} waiting",
            count,
        )
    return sentence.format(count=count, held=held, waiting=waiting)


def _held_since(primitive: PrimitiveInfo) -> float:
    return min((holder.since for holder in primitive.holders), default=inf)


# The orders in which primitives can be listed, by what comes first.
ORDERS: dict[str, Callable[[PrimitiveInfo], tuple[Any, ...]]] = {
    N_("most waiting"): lambda each: (-each.waiting, _held_since(each)),
    N_("held longest"): lambda each: (_held_since(each), -each.waiting),
    N_("name"): lambda each: (each.name, each.kind),
}


def select_primitives(primitives: Iterable[PrimitiveInfo], order: str, text: str = "") -> list[PrimitiveInfo]:
    """Return those whose kind and name, as the table shows them, contain `text`, in one of the `ORDERS`."""
    found = (each for each in primitives if text.lower() in title_of(each).lower())
    return sorted(found, key=ORDERS[order])


def primitives_table(primitives: Iterable[PrimitiveInfo], now: float, rows: int | None = None) -> Table:
    """Return the table, or its first `rows`; `now` is the time of the server's clock."""
    table = Table()
    for column in (_("primitive"), _("state"), _("process")):
        table.add_column(column, overflow="fold")
    for column in (_("holds or waits"), pgettext("duration", "for"), _("lease")):
        table.add_column(column, no_wrap=True)
    for row in islice(_rows(primitives, now), rows):
        table.add_row(*map(Text, row))
    return table


def explain_circular_wait(primitives: Sequence[PrimitiveInfo]) -> str:
    """Return who holds what and waits for what if threads wait for each other in a circle; else nothing."""
    circle = circular_wait(primitives)
    phrase = _("{process} ({address}) holds {held} and waits for {wanted}")
    phrases = [
        phrase.format(
            process=wait.waiter.process,
            address=_address(wait.waiter),
            held=previous.wanted.name,
            wanted=wait.wanted.name,
        )
        for previous, wait in zip([*circle[-1:], *circle], circle, strict=False)
    ]
    return _("Circular wait: {circle}.").format(circle=join_clauses(phrases)) if phrases else ""


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
        holds = _("holds, fence\n{fence}").format(fence=holder.fence)
        yield f"{holder.process}\n{_address(holder)}", holds, _age(holder, now), lease


def _waiters(primitive: PrimitiveInfo, now: float) -> Iterator[Row]:
    for waiter in primitive.waiters:
        yield (
            f"{waiter.process}\n{_address(waiter)}",
            _describe_wait(waiter),
            _age(waiter, now),
            "",
        )


def _describe_wait(waiter: Waiter) -> str:
    if waiter.call == "wait":  # an event wakes all
        return pgettext("of a process", "waits")
    return _("waits: {call},\nplace {place}").format(call=waiter.call, place=waiter.place)


def _address(requester: Holder | Waiter) -> str:
    """Return the host and the process id, and the thread's id unless it is the main thread's."""
    thread = "" if requester.thread == requester.pid else f"/{requester.thread}"
    return f"{requester.host}/{requester.pid}{thread}"


def _age(requester: Holder | Waiter, now: float) -> str:
    return format_age(max(0.0, now - requester.since))


def _state(primitive: PrimitiveInfo) -> str:
    if primitive.kind in ("Lock", "RLock"):
        return _("free") if primitive.free else _("held")
    if primitive.type is not None:
        return primitive.type
    if primitive.kind == "Barrier":
        return _("{count} of {parties} waiting").format(count=primitive.waiting, parties=primitive.capacity)
    if primitive.kind == "Condition":
        return _("{count} waiting").format(count=primitive.waiting)
    if primitive.kind == "Board":
        names = primitive.alive[0] if len(primitive.alive) == 1 else format_names(primitive.alive)
        return _("alive: {names}").format(names=names)
    if primitive.is_set is not None:
        state = _("set") if primitive.is_set else _("not set")
        if not primitive.waiting:
            return state
        return _("{state}, {count} waiting").format(state=state, count=primitive.waiting)
    if primitive.items is None:
        return _("{free} of {permits} free").format(free=primitive.free, permits=primitive.capacity)
    if primitive.capacity is not None:
        return _("{count} of {room} items").format(count=primitive.items, room=primitive.capacity)
    return ngettext("{count} item", "{count} items", primitive.items).format(count=primitive.items)
