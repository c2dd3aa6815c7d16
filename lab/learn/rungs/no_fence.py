"""A lease that is shorter than the work, and no fence."""

from __future__ import annotations

from lab.language import N_
from lab.learn.behaviors import write
from lab.learn.faults import PAUSE, WORK, Fault
from lab.learn.judging import all_of, at_most, late_writes_are_refused, served
from lab.learn.rung import Rung, Trial
from lab.learn.trials import LONG

JUDGE = all_of(at_most(1), served, late_writes_are_refused)
CLOCKS = (0.0, -100.0)  # of A and B: no fence can be read from them

NO_FENCE = Rung(
    name="no_fence",
    title=N_("A late write that nobody refuses"),
    task=N_("""\
This lock is as good as a lock can be. But its holder may pause for longer than
its lease, and does not know it. Then it writes, and another has written
before.

The holder sends lock.fence with each write, and the store refuses a fence that
is lower than one that it has seen. Repair acquire(), so that after it `fence`
is a whole number that is higher with each grant.

The lab pauses a holder while it works, and before each request of acquire().
The processes' clocks differ."""),
    hints=(
        N_("The server can count the grants, in a key of its own that does not expire: INCR."),
        N_("If you count in a second request, a process may pause before it, and count after the next holder."),
        N_(
            "One script: if redis.call('set', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then return redis.call('incr', "
            "KEYS[2]) end; its reply is the fence, or None."
        ),
    ),
    explanation=N_("""\
No lock can prevent the late write: a process may pause between its last look
at the lock and the write. Only the store can refuse it, and needs a number to
do so: a fence (a fencing token). `lab compare tickets --clients 10 --stock 10
--fault pause --seed 40 --how lock,unfenced` shows the same with tickets;
broker's locks have `lock.fence`."""),
    trials=(
        Trial(((write(20), 0), (write(5), 1)), JUDGE, until=28, clock_offsets=CLOCKS),
        # B asks once, as A did: who only counts its own requests has the same fence.
        Trial(((write(20), 0), (write(5), 40)), JUDGE, 60, Fault(PAUSE, "A", WORK, LONG), CLOCKS),
        Trial(((write(20), 0), (write(5), 1)), JUDGE, 90, Fault(PAUSE, "A", "acquire", LONG), CLOCKS),
    ),
)
