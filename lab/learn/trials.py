"""The trials that several rungs have in common."""

from __future__ import annotations

from lab.learn.behaviors import LEASE, hold
from lab.learn.faults import KILL, LOSE_REPLY, PAUSE, WORK, Fault
from lab.learn.judging import all_of, at_most, served
from lab.learn.rung import Trial

LONG = 35.0  # seconds, longer than the lease
SOON = 35.0  # seconds after the beginning: a lease that began then has ended, and a longer one has not
LOCK = all_of(at_most(1), served)

# B waits for A, who is within its lease, and is let in soon after A's release, not only when the lease is over.
ORDINARY = Trial(((hold(20), 0), (hold(5), 1)), LOCK, until=28)
# B is let in when the dead A's lease has ended.
KILLED_INSIDE = Trial(((hold(20), 0), (hold(5), 1)), LOCK, until=SOON, fault=Fault(KILL, "A", WORK))
# A's lease ends while it is paused. B follows, and is inside when A releases late; C must wait for B.
PAUSED_INSIDE = Trial(((hold(20), 0), (hold(25), 1), (hold(5), 40)), LOCK, 90, Fault(PAUSE, "A", WORK, LEASE))
PAUSED_IN_RELEASE = Trial(PAUSED_INSIDE.actors, LOCK, 90, Fault(PAUSE, "A", "release", LEASE))
KILLED_IN_ACQUIRE = Trial(((hold(20), 0), (hold(5), 1)), LOCK, until=SOON, fault=Fault(KILL, "A", "acquire"))
KILLED_IN_RELEASE = Trial(((hold(20), 0), (hold(5), 1)), LOCK, until=SOON, fault=Fault(KILL, "A", "release"))
# One of the two is let in soon: nobody else holds the lock.
LOST_REPLY = Trial(((hold(20), 0), (hold(5), 1)), LOCK, until=28, fault=Fault(LOSE_REPLY, "A", "acquire"))
LOST_REPLY_TO_RELEASE = Trial(((hold(20), 0), (hold(5), 1)), LOCK, 28, Fault(LOSE_REPLY, "A", "release"))
