"""A program in a terminal of its own, as a user runs it: Ctrl-C is a key."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.actors import TIMEOUT

CTRL_C = b"\x03"


class Terminal:
    """Runs `command` in a new terminal; `text` is all that has been shown there."""

    def __init__(self, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
        self.text = ""
        self._keyboard, terminal = os.openpty()
        self.process = subprocess.Popen(
            command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            env=os.environ | environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(terminal)

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._keyboard, keys)

    def read_until(self, text: str, times: int = 1) -> None:
        """Read until `text` has been shown so many times."""
        deadline = time.monotonic() + TIMEOUT
        while self.text.count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} was not shown {times} times:\n{self.text}"
            assert self._read(deadline - time.monotonic()), f"{text!r} was not shown {times} times:\n{self.text}"

    def finish(self) -> int:
        """Read until its end; return the exit status as a shell reports it."""
        deadline = time.monotonic() + 3 * TIMEOUT
        while self._read(deadline - time.monotonic()):
            assert time.monotonic() < deadline, f"it has not ended:\n{self.text}"
        status = self.process.wait(TIMEOUT)
        return 128 - status if status < 0 else status

    def _read(self, timeout: float) -> bool:
        """Read what is shown next; return whether anybody can still show something."""
        if select.select([self._keyboard], [], [], max(0.0, timeout))[0]:
            try:
                shown = os.read(self._keyboard, 65536)
            except OSError:  # all programs in the terminal have ended
                return False
            self.text += shown.decode(errors="replace").replace("\r\n", "\n")
        return True

    def close(self) -> None:
        """Kill it if it still runs, and close the terminal."""
        self.process.kill()
        self.process.wait()
        os.close(self._keyboard)
