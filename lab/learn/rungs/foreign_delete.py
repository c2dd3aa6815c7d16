"""A release that does not look whose lock it deletes."""

from __future__ import annotations

from lab.language import N_
from lab.learn.rung import Rung
from lab.learn.trials import KILLED_INSIDE, ORDINARY, PAUSED_INSIDE

FOREIGN_DELETE = Rung(
    name="foreign_delete",
    title=N_("A release that deletes another's lock"),
    task=N_("""\
The lock expires now, so a dead holder blocks nobody. But a holder may be slow
instead of dead.

The lab pauses a holder until its lease has ended and another process has the
lock; then it goes on, and releases. Repair the lock, so that it does not
release what is another's.

A release that comes too late may return as usual, or raise an exception."""),
    hints=(
        N_("After the pause, the key belongs to another process. Can the late one see that?"),
        N_("Store a value of your own in the key, which no other process has, and look at it before the DEL."),
        N_(
            "self.token = uuid.uuid4().hex in __init__; set(name, self.token, ...); delete only if get(name) returns "
            "it."
        ),
    ),
    explanation=N_("""\
A lock is released by its holder only, so the key has to say who that is: a
random token, since process ids repeat, and hosts share them."""),
    trials=(ORDINARY, KILLED_INSIDE, PAUSED_INSIDE),
)
