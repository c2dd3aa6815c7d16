"""A release after which a newcomer overtakes those who wait."""

from __future__ import annotations

from lab.language import N_
from lab.learn.behaviors import wait_and_hold
from lab.learn.faults import PAUSE, Fault
from lab.learn.judging import all_of, at_most, not_overtaken, served, times_out
from lab.learn.rung import Rung, Trial

JUDGE = all_of(not_overtaken(1), at_most(1), served)
GREEDY = wait_and_hold(5, rounds=6)

BARGING = Rung(
    name="barging",
    title=N_("A lock that the greedy get"),
    task=N_("""\
release() wakes one waiter, by an item in a list for which acquire() waits. No
wake-up is lost. But the lock is free until the waiter has come.

In the lab one process acquires the lock again as soon as it has released it,
and again; another one waits. Repair the lock, so that one that waits is
overtaken once at most, also if it is slow to wake up. Here nobody dies: the
lock may do without a lease."""),
    hints=(
        N_("Between the wake-up and the waiter's SET the lock is free for everybody. Does it have to be?"),
        N_("Pass the lock on instead of freeing it: whoever is woken holds it already."),
        N_(
            "Let the item in the list be the lock: acquire() is BLPOP, which serves those that wait in their order; "
            "release() is RPUSH; a script puts in the first item, once."
        ),
    ),
    explanation=N_("""\
A lock that is free for a moment goes to whoever is quickest: the one that
runs, not the one that wakes up. Handing it over costs nothing more, and nobody
starves. The item in a list has no lease, though: a killed holder takes it with
it. broker's release grants the lock to the first in its queue, under a lease,
in one script (broker/engine/lua/handoff.lua)."""),
    trials=(
        Trial(((wait_and_hold(20), 0), (wait_and_hold(5), 1), (wait_and_hold(5), 2)), JUDGE, until=60),
        Trial(((wait_and_hold(25), 0), (wait_and_hold(5, timeout=5), 1)), times_out("B", 5), until=28),
        Trial(((GREEDY, 0), (wait_and_hold(5), 1)), JUDGE, until=100),
        Trial(((GREEDY, 0), (wait_and_hold(5), 1)), JUDGE, 100, Fault(PAUSE, "B", "acquire", 12)),
    ),
)
