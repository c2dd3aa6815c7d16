"""The start of local workers, as seen by their program and by the process that waits for them.

Until the workers listen, the standard output and error of their program are one pipe, and each worker that listens
writes a token to it. Whoever waits also learns from the end of the pipe that the program has exited, and from the rest
of what is in it, why. Once a process of the program is ready, it gets the standard streams of the one that waits.
"""

from __future__ import annotations

import os
import re
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait

MAX_OUTPUT = 1 << 20  # bytes; what was written before is dropped
MAX_REASON = 300  # characters
STREAMS = (1, 2)


class Startup:
    """In the workers' program: knows the token, and the file descriptors of the streams that it is to get."""

    def __init__(self, token: str, *streams: str) -> None:
        self._token = token
        self._streams = [int(stream) for stream in streams]

    @property
    def pending(self) -> bool:
        """Whether this process still writes to the pipe."""
        return bool(self._streams)

    def report_listening(self) -> None:
        """Say that this worker listens."""
        pipe = os.dup(STREAMS[0])
        self.end()
        os.write(pipe, self._token.encode())
        os.close(pipe)

    def end(self) -> None:
        """Give this process its standard streams."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for stream, given in zip(STREAMS, self._streams, strict=True):
            os.dup2(given, stream)
            os.close(given)
        self._streams = []


class StartupPipe:
    """Where the workers' program is started: the pipe, and what the program needs to know."""

    def __init__(self) -> None:
        self._token = uuid.uuid4().hex
        self._reader, self.writer = os.pipe()
        self.streams = [_duplicate(stream) for stream in STREAMS]
        self._output = b""
        self.ended = False  # whether no process of the program can report any more

    @property
    def arguments(self) -> list[str]:
        """The arguments of the program's `Startup`."""
        return [self._token, *map(str, self.streams)]

    @property
    def output(self) -> str:
        """What the program has written so far."""
        return self._output.decode(errors="replace").strip()

    def wait(self, count: int, timeout: float) -> bool:
        """Wait until `count` workers listen; return False as soon as they cannot any more, or after the timeout."""
        token, deadline = self._token.encode(), time.monotonic() + timeout
        while count and wait([self._reader], max(0.0, deadline - time.monotonic())):
            chunk = os.read(self._reader, MAX_OUTPUT)
            if not chunk:
                self.ended = True
                return False
            self._output += chunk
            count -= self._output.count(token)
            self._output = self._output.replace(token, b"")[-MAX_OUTPUT:]
        return not count

    @contextmanager
    def open_for_program(self) -> Iterator[None]:
        """Close what the program has inherited, when the block ends."""
        try:
            yield
        finally:
            for descriptor in (self.writer, *self.streams):
                os.close(descriptor)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reader)


def reason_of(output: str) -> str:
    """Return in one line what a program wrote last; of a traceback, the exception, and where it was raised."""
    lines = output.splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith(" ")]
    last = dict.fromkeys(line.strip() for line in lines[frames[-1] + 1 if frames else 0 :])  # several workers may agree
    places = re.findall(r'^  File "([^<].*)", line (\d+)', output, re.MULTILINE)
    place = " ({}, line {})".format(*places[-1]) if places else ""
    return " ".join(last)[-MAX_REASON:] + place


def _duplicate(stream: int) -> int:
    try:
        return os.dup(stream)
    except OSError:  # it is closed
        return os.open(os.devnull, os.O_WRONLY)
