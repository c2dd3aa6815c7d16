"""A release that looks whose lock it is, and deletes it in another request."""

from __future__ import annotations

from lab.language import N_
from lab.learn.rung import Rung
from lab.learn.trials import KILLED_INSIDE, ORDINARY, PAUSED_IN_RELEASE, PAUSED_INSIDE

TWO_STEP_RELEASE = Rung(
    name="two_step_release",
    title=N_("A look and a delete in two steps"),
    task=N_("""\
release() looks whose lock it is before it deletes the key. But these are two
requests.

The lab pauses a holder before each request of release(), until its lease has
ended and another process has the lock. Repair release(), so that what it has
seen is still true when it deletes."""),
    hints=(
        N_("Between two requests anything may happen: other processes run, keys expire."),
        N_("The server carries out a Lua script as one step. See client.eval()."),
        N_(
            "client.eval(\"if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end\", 1, "
            "self.name, self.token)"
        ),
    ),
    explanation=N_("""\
Check and act have to be one step of the server. A script is one; WATCH, MULTI
and EXEC are another way, since EXEC refuses if the key has changed. broker
does each step of its locks in one script (broker/locks/lua,
broker/engine/lua/release.lua)."""),
    trials=(ORDINARY, KILLED_INSIDE, PAUSED_INSIDE, PAUSED_IN_RELEASE),
)
