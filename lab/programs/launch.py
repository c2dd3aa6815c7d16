"""Launching a program: its server, its workers, its interpreter, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import jobs
from lab.backends import QUEUE
from lab.errors import LabError
from lab.programs.run_config import Scene
from lab.runtime.interrupts import SIGNALS

ROOT = Path(__file__).parents[2]  # where the interpreter finds this package first, whatever the program's folder holds


def check_program(path: Path) -> Path:
    """Return the program's full path; raise `LabError` if there is none, or Python cannot read it."""
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}); name a Python program") from error
    except SyntaxError as error:
        raise LabError(f"{path}, line {error.lineno}: this is not Python ({error.msg}); correct it first") from error
    except ValueError as error:
        raise LabError(f"{path} is not Python ({error}); name a Python program") from error
    return path.resolve()


@contextmanager
def scene(program: Path, backend: str, url: str, workers: int) -> Iterator[Scene]:
    """Give a program a place on a backend: for jobs, the workers that listen already, else `workers` of its own."""
    if backend != "rq":
        yield Scene(str(program), backend, url)
        return
    count = jobs.worker_count(url, QUEUE)
    queue = QUEUE if count else f"{QUEUE}-{uuid.uuid4().hex}"  # nobody else's jobs on workers that end with this run
    preload = ["lab.programs.rq_context"]
    with nullcontext() if count else jobs.Workers(url, queue, workers, program.parent, preload):
        yield Scene(str(program), backend, url, queue, count or workers)


@contextmanager
def started(scene: Scene, arguments: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start the program's interpreter, which ends at the latest when the block does; `options` are those of `Popen`."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "lab.programs.main_module", *arguments]
    environment = replace(scene, lifeline=reader).environment()
    try:
        with os.fdopen(reader):
            program = subprocess.Popen(command, env=environment, cwd=ROOT, pass_fds=[reader], **options)
        yield program
    finally:
        os.close(writer)


def attend(scene: Scene, arguments: Sequence[str]) -> int:
    """Run the program on this terminal; return its exit status, as a shell would see it.

    Ctrl-C is for the program, which hears it from the terminal; other signals that ask to stop are passed on.
    """
    programs: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _: object) -> None:
        if not programs:
            raise KeyboardInterrupt
        if number != signal.SIGINT:
            programs[0].send_signal(number)

    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in heeded}
    try:
        with started(scene, arguments) as program:
            programs.append(program)
            code = program.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code
