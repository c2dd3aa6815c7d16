"""The program of `jobs.interrupts`: it writes a line whenever it gets a SIGINT, until its standard input ends.

It needs only the standard library, and starts with SIGINT blocked, so that none is lost before it waits for it.
"""

from __future__ import annotations

import os
import signal
import threading


def _exit_at_end_of_input() -> None:
    os.read(0, 1)
    os._exit(0)


def main() -> None:
    """Report until the process that started this one has ended, or wants no more reports."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a signal that is ignored cannot be waited for
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    while True:
        signal.sigwait({signal.SIGINT})
        os.write(1, b"\n")


if __name__ == "__main__":
    main()
