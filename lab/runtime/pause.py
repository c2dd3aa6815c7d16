"""Standing still: what a debugger, a host that swaps or a machine that is suspended does to a process.

Its lease ends meanwhile, and it goes on as if nothing had happened. (Martin Kleppmann, "How to do distributed
locking", 2016.)
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from lab.runtime.context import Event
from lab.runtime.recorder import Recorder


@dataclass(frozen=True)
class Standstill:
    """Stops whoever comes to it first, for so many seconds; they must come one after the other."""

    seconds: float
    happened: Event

    def come(self, me: Recorder) -> None:
        """Stand still, unless somebody has before."""
        if not self.happened.is_set():
            self.happened.set()
            me.note("stands still")
            stand_still(self.seconds)
            me.note("goes on")


def stand_still(seconds: float) -> None:
    """Stop this whole process for so long, all its threads with it.

    A child stops and wakes it: of two that do not wait for each other, the waking one might come first, and the other
    stop for ever. The child has a session of its own, so that no Ctrl-C ends it in between.
    """
    script = 'kill -STOP "$PPID"; sleep "$0"; kill -CONT "$PPID"'
    # Nobody hears its complaint that there is nobody to wake: then this process was killed meanwhile.
    subprocess.run(
        ["/bin/sh", "-c", script, str(seconds)], check=True, start_new_session=True, stderr=subprocess.DEVNULL
    )
