"""A program that runs beside this process and ends with it, however it ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

from broker.subprocesses.parent_pipe import Lifeline

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

    The command gets a SIGTERM. It runs in a session of its own, so that Ctrl-C reaches this process only, and with
    `environment` added to this process's. A forked child of this process does not keep it alive.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: str = "",
        output: IO[bytes] | int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._lifeline = Lifeline()
        try:
            self._supervisor = subprocess.Popen(
                ["/bin/sh", "-c", _SUPERVISE, "companion", folder, *command],
                stdin=self._lifeline.reader,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=os.environ | (environment or {}),
            )
        except BaseException:
            self._lifeline.let_go()
            raise
        finally:
            self._lifeline.handed_over()

    def close(self) -> None:
        """End the program and wait until it is gone; a forked child of this process does nothing."""
        if self._lifeline.held:
            self._lifeline.let_go()
            self._supervisor.wait()
