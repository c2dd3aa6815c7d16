"""Checks of `tickets`: each ticket is sold once, and as many are sold as the stock has lost."""

from __future__ import annotations

import dataclasses
from gettext import gettext as _

from lab.checks import verdicts
from lab.formatting import join_alternatives, join_list
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
            sentence = _(
                "{first} and {second} both read {left} left and both bought; {sold} tickets sold, {stock} in stock"
            )
            left = (sale.value or 0) + 1
            sentence = sentence.format(first=first.who, second=sale.who, left=left, sold=len(sales), stock=stock)
            return verdicts.invalid(sentence, first, sale)
        buyers[sale.value] = sale
    counts = [event.value for event in trace.of("counts") if event.who == LAB]
    if not counts or counts[-1] is None:
        return verdicts.unknown(_("the tickets left were not counted at the end"))
    missing = stock - len(sales) - counts[-1]
    figures = {"sold": len(sales), "left": counts[-1], "stock": stock}
    if missing == 0:
        return verdicts.valid(_all_accounted_for(sales, figures))
    suspects = [] if trace.of(CONFIRMS) else _interrupted_buyers(trace, first_step)
    if 0 < missing <= len(suspects):
        sentence = _("{sold} sold and {left} left, of {stock}, and {missing} perhaps by {suspects}, lost while buying")
        return verdicts.valid(sentence.format(**figures, missing=missing, suspects=join_alternatives(suspects)))
    return verdicts.invalid(_("{sold} tickets sold and {left} left, of {stock}").format(**figures))


def _all_accounted_for(sales: list[Event], figures: dict[str, int]) -> str:
    silent = [sale.who for sale in sales if sale.what == CONFIRMS]
    if not silent:
        return _("{sold} sold and {left} left, of {stock}").format(**figures)
    sentence = _("{sold} sold and {left} left, of {stock} ({names} could not record it any more)")
    return sentence.format(**figures, names=join_list(silent))


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
