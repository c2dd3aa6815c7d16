"""A program that runs beside this process and ends with it, however it ends."""

from __future__ import annotations

import os
import subprocess
import weakref
from collections.abc import Sequence
from typing import IO

# Standard input ends when the process that holds its other end closes it, ends or is killed. A death signal would do
# that on Linux only, and comes when the starting thread ends already.
_SUPERVISE = """
folder=$1; shift
"$@" </dev/null & program=$!
cat >/dev/null
kill "$program"; wait "$program"
[ -z "$folder" ] || rm -rf "$folder"
"""


class Companion:
    """Runs `command` until `close`, or until this process has ended; then removes `folder`, if there is one.

    The command gets a SIGTERM. It runs in a session of its own, so that Ctrl-C reaches this process only. A forked
    child of this process does not keep it alive.
    """

    def __init__(self, command: Sequence[str], *, folder: str = "", output: IO[bytes] | int | None = None) -> None:
        reader, writer = os.pipe()
        self._lifeline: int | None = writer
        try:
            self._supervisor = subprocess.Popen(
                ["/bin/sh", "-c", _SUPERVISE, "companion", folder, *command],
                stdin=reader,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except BaseException:
            os.close(writer)
            raise
        finally:
            os.close(reader)
        _companions.add(self)

    def close(self) -> None:
        """End the program and wait until it is gone."""
        if self._lifeline is not None:
            self.let_go()
            self._supervisor.wait()

    def let_go(self) -> None:
        """End the program without waiting."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


_companions: weakref.WeakSet[Companion] = weakref.WeakSet()


def _forget_parents() -> None:
    for companion in list(_companions):
        companion.let_go()
    _companions.clear()


os.register_at_fork(after_in_child=_forget_parents)
