"""An expiry that is set in a second request."""

from __future__ import annotations

from lab.language import N_
from lab.learn.rung import Rung
from lab.learn.trials import (
    KILLED_IN_ACQUIRE,
    KILLED_IN_RELEASE,
    KILLED_INSIDE,
    ORDINARY,
    PAUSED_IN_RELEASE,
    PAUSED_INSIDE,
)

LATE_EXPIRY = Rung(
    name="late_expiry",
    title=N_("An expiry that comes a request too late"),
    task=N_("""\
This lock has an expiry, a token, and a release in one step.

The lab kills a process before each request of acquire() and of release(), and
inside. Repair the lock, so that it is free within `lease` seconds whenever its
holder dies."""),
    hints=(
        N_("How many requests does acquire() send? What has happened on the server before the last one?"),
        N_("SETNX and EXPIRE are as old as Redis. A newer command does both."),
        N_("client.set(name, token, nx=True, ex=int(self.lease)) instead of both."),
    ),
    explanation=N_("""\
Whatever may not be seen half done has to be one request. A process may die
between any two, and then nobody does the second. That is a bug which no test
finds by chance: the gap is a fraction of a millisecond. So the lab tries each
gap."""),
    trials=(ORDINARY, KILLED_INSIDE, PAUSED_INSIDE, PAUSED_IN_RELEASE, KILLED_IN_ACQUIRE, KILLED_IN_RELEASE),
)
