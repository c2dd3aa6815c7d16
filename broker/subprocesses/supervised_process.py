"""A subprocess that is terminated when this process ends, in whatever way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from typing import IO

from broker.subprocesses.parent_pipe import ParentPipe

# The supervisor's standard input reaches end of file when the parent closes the pipe, exits or is killed. A
# parent-death signal (PR_SET_PDEATHSIG) exists on Linux only, and is sent as soon as the starting thread ends.
_SUPERVISE = """
directory=$1; shift
"$@" </dev/null & child=$!
exec >/dev/null 2>&1
cat >/dev/null
kill "$child"; wait "$child"
[ -z "$directory" ] || rm -rf "$directory"
"""


class SupervisedProcess:
    """Runs `command` until `close` is called or this process ends, then removes `temp_dir` if one is given.

    The command is ended by SIGTERM. It runs in its own session, so Ctrl-C does not reach it, and with `environment`
    added to this process's environment. It inherits the file descriptors `pass_fds`. If `output` is a pipe, that ends
    with the command. A forked child of this process does not keep it alive.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        temp_dir: str = "",
        output: IO[bytes] | int | None = None,
        pass_fds: Collection[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._parent_pipe = ParentPipe()
        try:
            self._supervisor = subprocess.Popen(
                ["/bin/sh", "-c", _SUPERVISE, "supervisor", temp_dir, *command],
                stdin=self._parent_pipe.reader,
                stdout=output,
                stderr=output,
                pass_fds=pass_fds,
                start_new_session=True,
                env=os.environ | (environment or {}),
            )
        except BaseException:
            self._parent_pipe.close()
            raise
        finally:
            self._parent_pipe.close_reader()

    def close(self) -> None:
        """Terminate the command and wait until it has ended; do nothing in a forked child of this process."""
        if self._parent_pipe.is_open:
            self._parent_pipe.close()
            self._supervisor.wait()
