"""A SET NX that is sent again after its reply was lost, and counts as refused."""

from __future__ import annotations

from lab.language import N_
from lab.learn.rung import Rung
from lab.learn.trials import (
    KILLED_IN_ACQUIRE,
    KILLED_INSIDE,
    LOST_REPLY,
    LOST_REPLY_TO_RELEASE,
    ORDINARY,
    PAUSED_IN_RELEASE,
    PAUSED_INSIDE,
)

RETRIED_SET = Rung(
    name="retried_set",
    title=N_("A lock that was granted, and the reply was lost"),
    task=N_("""\
redis-py sends a request again if the reply does not come. So a request may be
carried out twice.

The lab loses the reply to each request of acquire() and of release() in turn.
Repair acquire(), so that a lock which was granted is not reported as refused."""),
    hints=(
        N_("The first SET NX stored the key. What does the second one answer, and whose token is in the key?"),
        N_("A refusal is certain only if the key holds another's token."),
        N_("If set() returns None, return client.get(name) == self.token."),
    ),
    explanation=N_("""\
If a reply is lost, the outcome is unknown, and unknown is not refused. A
request is safe to repeat if the answer to the second is the same as to the
first: it asks under a token of its own, and what it was granted before is
granted again. All of broker's scripts work like that."""),
    trials=(
        ORDINARY,
        LOST_REPLY,
        LOST_REPLY_TO_RELEASE,
        KILLED_INSIDE,
        PAUSED_INSIDE,
        PAUSED_IN_RELEASE,
        KILLED_IN_ACQUIRE,
    ),
)
