"""What was sold in `tickets`: each ticket once, and as many as are missing from the stock."""

from __future__ import annotations

import dataclasses

from lab.checks import verdicts
from lab.trace import LAB, Event, Trace

KEEPS = "keeps"  # the store, what was written under a fence


def conserved(trace: Trace, stock: int, begins: str = "enters") -> verdicts.Verdict:
    """Check that each ticket was sold once, and that what is left and what was sold add up.

    An actor that `begins` to buy and records neither that it bought nor that it did not was cut short: its write may
    have been done. If the store does not say, that may explain why one ticket is missing, but not that one was sold
    twice.
    """
    buyers: dict[int | None, Event] = {}
    sold = sales(trace)
    for sale in sold:
        if sale.value in buyers:
            return verdicts.invalid(
                f"{buyers[sale.value].who} and {sale.who} both read {(sale.value or 0) + 1} left and both bought; "
                f"{len(sold)} tickets sold, {stock} in stock"
            )
        buyers[sale.value] = sale
    left = [event.value for event in trace.of("counts") if event.who == LAB]
    if not left or left[-1] is None:
        return verdicts.unknown("nobody counted what was left at the end")
    missing, cut = stock - len(sold) - left[-1], [] if trace.of(KEEPS) else _cut_short(trace, begins)
    said = f"{len(sold)} sold and {left[-1]} left, of {stock}"
    if missing == 0:
        silent = [sale.who for sale in sold if sale.what == KEEPS]
        return verdicts.valid(said + (f" ({', '.join(silent)} could not say so any more)" if silent else ""))
    if 0 < missing <= len(cut):
        return verdicts.valid(f"{said}, and {missing} perhaps by {' or '.join(cut)}, lost while it bought")
    return verdicts.invalid(f"{len(sold)} tickets sold and {left[-1]} left, of {stock}")


def sales(trace: Trace) -> list[Event]:
    """Return who bought what: as they say, and as the store says of those who were lost before they could."""
    told = trace.of("buys")
    fences = {event.fence for event in told}
    holders = {event.fence: event.who for event in trace.of("enters")}
    return [
        *told,
        *(
            dataclasses.replace(event, who=holders.get(event.fence, "nobody"))
            for event in trace.of(KEEPS)
            if event.fence not in fences
        ),
    ]


def _cut_short(trace: Trace, begins: str) -> list[str]:
    last = {event.process: event.what for event in trace.of(begins, "buys", "goes without", "is refused")}
    return [process[-1] for process, what in last.items() if what == begins]
