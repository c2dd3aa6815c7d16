"""A paused process: what a debugger, a swapping host or a suspended machine does to it.

Its lease expires while it is paused, and it resumes without noticing. See Martin Kleppmann, "How to do distributed
locking", 2016.
"""

from __future__ import annotations

import subprocess


def pause_process(seconds: float) -> None:
    """Stop this process and all its threads with SIGSTOP, and continue it after so many seconds.

    One child sends both signals. With two children that run independently, the one that sends SIGCONT might be first,
    and the process would stay stopped forever. The child has its own session, so that Ctrl-C does not end it.
    """
    script = 'kill -STOP "$PPID"; sleep "$0"; kill -CONT "$PPID"'
    # If this process is killed while it is paused, `kill -CONT` fails; its message is of no use to anybody.
    subprocess.run(
        ["/bin/sh", "-c", script, str(seconds)], check=True, start_new_session=True, stderr=subprocess.DEVNULL
    )
