"""Checks of `tickets`: each ticket is sold once, and as many are sold as the stock has lost."""

from __future__ import annotations

import dataclasses

from lab.checks import verdicts
from lab.trace import LAB, Event, Trace

CONFIRMS = "confirms write"  # the store at the end of the run: what was written under a fence


def sold_once(trace: Trace, stock: int, first_step: str = "enters") -> verdicts.Verdict:
    """Check that each ticket was sold once, and that tickets sold and tickets left add up to the stock.

    A purchase begins with `first_step`. A client that records neither that it bought nor that it did not was killed in
    between, and its write may have been done. Unless the store tells, that may explain a missing ticket, but not one
    that was sold twice.
    """
    buyers: dict[int | None, Event] = {}
    sales = sold_tickets(trace)
    for sale in sales:
        if sale.value in buyers:
            first = buyers[sale.value]
            return verdicts.invalid(
                f"{first.who} and {sale.who} both read {(sale.value or 0) + 1} left and both bought; "
                f"{len(sales)} tickets sold, {stock} in stock",
                first,
                sale,
            )
        buyers[sale.value] = sale
    counts = [event.value for event in trace.of("counts") if event.who == LAB]
    if not counts or counts[-1] is None:
        return verdicts.unknown("the tickets left were not counted at the end")
    missing = stock - len(sales) - counts[-1]
    sentence = f"{len(sales)} sold and {counts[-1]} left, of {stock}"
    if missing == 0:
        silent = [sale.who for sale in sales if sale.what == CONFIRMS]
        return verdicts.valid(sentence + (f" ({', '.join(silent)} could not record it any more)" if silent else ""))
    suspects = [] if trace.of(CONFIRMS) else _interrupted_buyers(trace, first_step)
    if 0 < missing <= len(suspects):
        return verdicts.valid(f"{sentence}, and {missing} perhaps by {' or '.join(suspects)}, lost while buying")
    return verdicts.invalid(f"{len(sales)} tickets sold and {counts[-1]} left, of {stock}")


def sold_tickets(trace: Trace) -> list[Event]:
    """Return the sales: those that buyers recorded, and those that only the store knows, as their buyers were lost."""
    recorded = trace.of("buys")
    fences = {event.fence for event in recorded}
    holders = {event.fence: event.who for event in trace.of("enters")}
    return [
        *recorded,
        *(
            dataclasses.replace(event, who=holders.get(event.fence, "nobody"))
            for event in trace.of(CONFIRMS)
            if event.fence not in fences
        ),
    ]


def _interrupted_buyers(trace: Trace, first_step: str) -> list[str]:
    last = {event.process: event.what for event in trace.of(first_step, "buys", "gets no ticket", "is refused")}
    return [process[-1] for process, what in last.items() if what == first_step]
