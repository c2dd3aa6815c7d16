"""Launching a program: its workers, its interpreter, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from gettext import gettext as _
from pathlib import Path
from typing import Any

import jobs
from lab.backends import DEFAULT_WORKERS, MAX_WORKERS, QUEUE
from lab.errors import LabError
from lab.programs.own_workers import OwnWorkers
from lab.programs.run_config import RunConfig
from lab.runtime.fault_plan import FaultPlan
from lab.runtime.interrupts import Interrupted, stop_signals

PACKAGES = ("broker", "jobs", "lab")
ROOT = Path(__file__).parents[2]  # where the interpreter finds this package first, whatever is in the program's folder


def check_program(path: Path) -> Path:
    """Return the program's absolute path; raise `LabError` if it is not a file that Python can compile."""
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except OSError as error:
        sentence = _("{path} cannot be read ({reason}); name a Python program")
        raise LabError(sentence.format(path=path, reason=error.strerror)) from error
    except SyntaxError as error:
        sentence = _("{path}, line {line}: this is not Python ({reason}); correct it first")
        raise LabError(sentence.format(path=path, line=error.lineno, reason=error.msg)) from error
    except ValueError as error:
        sentence = _("{path} is not Python ({reason}); name a Python program")
        raise LabError(sentence.format(path=path, reason=error)) from error
    program = path.resolve()
    if shadow := _shadow(program.parent):
        sentence = _("{module} beside {path} would be imported instead of this project's package; rename it")
        raise LabError(sentence.format(module=shadow, path=path))
    return program


def _shadow(folder: Path) -> str | None:
    """Return a module in `folder` that has the name of a package of this project; None if there is none."""
    names = [each for package in PACKAGES for each in (f"{package}.py", f"{package}/__init__.py")]
    return next((name for name in names if folder != ROOT and (folder / name).exists()), None)


@contextmanager
def prepare_run(
    program: Path, backend: str, url: str, workers: int | None, faults: FaultPlan | None = None
) -> Iterator[RunConfig]:
    """Yield the configuration of a run; for RQ, start `workers` workers for the block, unless some are running.

    Without a number, there are as many workers as processes need.
    """
    config = RunConfig(str(program), backend, "" if backend == "local" else url)
    if faults is not None:
        config = replace(config, fault=str(faults), seed=faults.seed)
    if backend != "rq":
        yield config
        return
    running = jobs.worker_count(url, QUEUE)
    queue = QUEUE if running else f"{QUEUE}-{uuid.uuid4().hex}"  # workers that end with this run get only its jobs
    limit = workers or MAX_WORKERS
    with nullcontext() if running else OwnWorkers(url, queue, workers or DEFAULT_WORKERS, limit):
        yield replace(config, queue=queue, workers=running or limit, own_workers=not running)


@contextmanager
def start_interpreter(config: RunConfig, arguments: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start the program's interpreter, which is terminated when the block ends; `options` are those of `Popen`."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "lab.programs.main_module", *arguments]
    environment = replace(config, parent_pipe=reader).environment()
    try:
        with os.fdopen(reader):
            process = subprocess.Popen(command, env=environment, cwd=ROOT, pass_fds=[reader], **options)
        yield process
    finally:
        os.close(writer)


def run_in_terminal(config: RunConfig, arguments: Sequence[str]) -> int:
    """Run the program in this terminal; return its exit status as a shell would report it.

    Ctrl-C reaches the program from the terminal itself; other signals that ask to stop are forwarded to it.
    """
    processes: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _: object) -> None:
        if not processes:
            raise Interrupted(number)
        if number != signal.SIGINT:
            processes[0].send_signal(number)

    previous = {number: signal.signal(number, forward) for number in stop_signals()}
    try:
        with start_interpreter(config, arguments) as process:
            processes.append(process)
            code = process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code
