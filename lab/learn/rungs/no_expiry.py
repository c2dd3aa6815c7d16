"""A lock without an expiry outlives its dead holder."""

from __future__ import annotations

from lab.language import N_
from lab.learn.rung import Rung
from lab.learn.trials import KILLED_INSIDE, ORDINARY

NO_EXPIRY = Rung(
    name="no_expiry",
    title=N_("A lock that outlives its holder"),
    task=N_("""\
SET with NX stores a key only if there is none. So whoever stores it holds the
lock, and release() deletes it.

The lab kills a holder. Repair the lock, so that another process gets it within
`lease` seconds.

acquire() returns at once: True if the lock was granted, False if not.
release() is called by the holder.
`client` is a redis.Redis; its replies are str."""),
    hints=(
        N_("A dead process cannot delete its key. Who else can?"),
        N_("The server deletes a key when its time to live is over. See SET's options."),
        N_("client.set(name, value, nx=True, ex=int(self.lease)), in one request."),
    ),
    explanation=N_("""\
A lock across processes needs a lease: nobody can tell a dead holder from a
slow one, so the server takes the lock back after a time that all know.
multiprocessing's own lock has none: if its holder is killed, all others wait
forever (`lab compare tickets --clients 10 --stock 10 --fault kill --seed
40`)."""),
    trials=(ORDINARY, KILLED_INSIDE),
)
