"""A counter that loses a permit with each killed holder."""

from __future__ import annotations

from lab.language import N_
from lab.learn.behaviors import LEASE, hold
from lab.learn.faults import KILL, PAUSE, WORK, Fault
from lab.learn.judging import all_of, at_most, served
from lab.learn.rung import Rung, Trial

JUDGE = all_of(at_most(2), served)
# When A's lease has ended, B and C are inside at once; neither would leave before the end, nor does a longer lease end.
BOTH_FREE = ((hold(20), 0), (hold(25), 35), (hold(25), 36))
# B and C come after the end of A's lease; A's late release must not let in D, who must wait for B.
LATE_RELEASE = ((hold(20), 0), (hold(25), 31), (hold(25), 32), (hold(5), 40))

LEAKED_PERMIT = Rung(
    name="leaked_permit",
    title=N_("A counter that loses permits"),
    task=N_("""\
A semaphore lets in `permits` processes at once. This one counts down and up.

The lab kills a holder, at each moment, and pauses one for longer than its
lease. Repair the semaphore, so that a lost permit is back within `lease`
seconds, and never more than `permits` are inside. (Who is paused for longer
than its lease is not inside any more.)"""),
    hints=(
        N_("A counter does not know who has the permits. What would the server have to know to take one back?"),
        N_("Remember each holder with the time at which its lease ends: a sorted set, the time as the score."),
        N_(
            "One script: ZREMRANGEBYSCORE what has ended, by redis.call('TIME'); if ZCARD is below permits, ZADD the "
            "own token. release() is ZREM."
        ),
    ),
    explanation=N_("""\
A counter is a sum, and a sum does not tell who is missing. Leases belong to
holders, so the holders have to be on record. The time is the server's: those
of the clients differ. Permits as keys of their own, each with an expiry, work
as well. multiprocessing's semaphore is a counter, too: a killed holder's
permit is gone forever."""),
    trials=(
        Trial(((hold(20), 0), (hold(20), 1), (hold(5), 2), (hold(5), 3)), JUDGE, until=28),
        Trial(BOTH_FREE, JUDGE, 41, Fault(KILL, "A", WORK)),
        Trial(BOTH_FREE, JUDGE, 41, Fault(KILL, "A", "acquire")),
        Trial(BOTH_FREE, JUDGE, 41, Fault(KILL, "A", "release")),
        Trial(LATE_RELEASE, JUDGE, 90, Fault(PAUSE, "A", WORK, 30)),
        Trial(LATE_RELEASE, JUDGE, 90, Fault(PAUSE, "A", "release", 30)),
    ),
    class_name="Semaphore",
    arguments=(2, LEASE),
)
