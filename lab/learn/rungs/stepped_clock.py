"""A Redlock that reads its validity from a clock that is stepped."""

from __future__ import annotations

from lab.language import N_
from lab.learn.behaviors import act
from lab.learn.faults import PAUSE, STEP_CLOCK, WORK, Fault
from lab.learn.judging import all_of, at_most, knows_its_lease, served
from lab.learn.rung import Rung, Trial
from lab.learn.trials import LONG

JUDGE = all_of(knows_its_lease, at_most(1), served)
ACTORS = ((act(45), 0), (act(5), 1))  # A wants to act for longer than its lease

STEPPED_CLOCK = Rung(
    name="stepped_clock",
    title=N_("A lease that is measured by a clock which is set"),
    task=N_("""\
A Redlock asks several servers, and holds the lock if most of them grant it. It
holds it for what is left of the lease then, so it has to measure time: held()
says whether it still may act. The lease counts from the call of acquire().

The lab sets the process's clock, back and forward, and pauses it, at each
request of acquire() and inside. Repair the class, so that held() is True as
long as the lease lasts, and not longer. `clients` are three clients, each of a
server of its own."""),
    hints=(
        N_("time.time() is the time of day. An administrator or NTP may set it at any moment."),
        N_("Python has a clock that only goes forward."),
        N_("time.monotonic() instead of time.time(), in acquire() and in held()."),
    ),
    explanation=N_("""\
Measure durations on a monotonic clock, from before the request is sent. That
makes the process's own clock harmless; those of the servers may still be
stepped, and a pause after held() remains. So a Redlock needs a fence, too,
which several independent servers cannot count."""),
    trials=(
        Trial(((act(20), 0), (act(5), 1)), JUDGE, until=28),
        Trial(ACTORS, JUDGE, 90, Fault(STEP_CLOCK, "A", WORK, -60)),
        Trial(ACTORS, JUDGE, 90, Fault(STEP_CLOCK, "A", WORK, 60)),
        Trial(ACTORS, JUDGE, 90, Fault(STEP_CLOCK, "A", "acquire", -60)),
        Trial(ACTORS, JUDGE, 90, Fault(PAUSE, "A", "acquire", 20)),
        Trial(ACTORS, JUDGE, 120, Fault(PAUSE, "A", "acquire", LONG)),
        Trial(ACTORS, JUDGE, 90, Fault(PAUSE, "A", WORK, LONG)),
    ),
    class_name="Redlock",
    clients=3,
)
