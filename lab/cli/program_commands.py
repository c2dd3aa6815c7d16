"""The commands for somebody's own program: `lab run FILE.py` and `lab compare FILE.py`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

import broker
from lab import files
from lab.backends import BACKENDS
from lab.cli import unsigned_jobs
from lab.errors import InvalidParameterError
from lab.programs import folder_copy, launch
from lab.programs.differences import equal
from lab.programs.report import figures, report
from lab.programs.run import ProgramRun, run_program
from lab.runtime.interrupts import Interrupts

SETTINGS = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": ["-h", "--help"]}
REST = "What follows the options is the program's; put -- before it if it begins with an option that is the lab's, too."
RUN = (
    "Run a program of your own, unchanged, on one machine's processes, over Redis, or as RQ jobs.\n\n"
    f"It runs in its own folder. {REST}"
)
COMPARE = (
    "Run a program of your own, unchanged, on each backend, and show how it used its locks, semaphores, events, queues "
    "and pipes, and what differed.\n\n"
    f"Each run begins in a new copy of the program's folder, with nothing on its standard input. {REST}\n\n"
    "Exit status: 0 if all runs were alike (the same exit code, and the same lines printed in whatever order, numbers "
    "of processes apart), 1 if not, 2 if it could not run."
)


def run_command(path: str) -> click.Command:
    """Return the command that runs the program at `path` on one backend."""

    def run(backend: str, url: str | None, workers: int, arguments: Sequence[str]) -> int:
        program = launch.check_program(Path(path))
        with _server(url, [backend]) as address, launch.prepare_run(program, backend, address, workers) as config:
            return launch.run_in_terminal(config, arguments)

    choice = click.Choice(list(BACKENDS))
    on = click.Option(["--on", "backend"], type=choice, default="local", show_default=True, help="where to run it")
    return _command(path, [on, *_common()], run, RUN)


def compare_command(path: str) -> click.Command:
    """Return the command that runs the program at `path` on each backend and shows what differed."""
    file = click.Path(path_type=Path)
    own: list[click.Parameter] = [
        click.Option(["--on", "backends"], default=",".join(BACKENDS), show_default=True, help="where to run it"),
        *_common(),
        click.Option(["--limit"], type=click.FloatRange(0, min_open=True), help="seconds after which a run is ended"),
        click.Option(["--json", "json_file"], type=file, help="a file for the figures"),
        click.Option(["--trace", "trace_folder"], type=file, help="a new folder for the traces"),
    ]
    return _command(path, own, lambda **given: _compare(Path(path), **given), COMPARE)


def _compare(
    path: Path,
    backends: str,
    url: str | None,
    workers: int,
    limit: float | None,
    json_file: Path | None,
    trace_folder: Path | None,
    arguments: Sequence[str],
) -> int:
    program, chosen = launch.check_program(path), _chosen(backends)
    if json_file is not None:
        files.require_file(json_file)
    if trace_folder is not None:
        files.require_folder(trace_folder)
    folder_copy.check_size(program.parent)
    runs = []
    with _server(url, chosen) as address, tempfile.TemporaryDirectory(prefix="lab-") as place, Interrupts() as hark:
        for backend in chosen:
            click.echo(f"{backend} …", err=True)
            runs.append(run_program(program, backend, address, workers, arguments, limit, Path(place), hark))
    _keep(runs, json_file, trace_folder)
    report(runs, limit, Console())
    return 0 if equal(runs) else 1


def _chosen(backends: str) -> list[str]:
    chosen = list(dict.fromkeys(name.strip() for name in backends.split(",")))
    for name in chosen:
        if name not in BACKENDS:
            raise InvalidParameterError(f"there is no backend {name!r}; choose from {','.join(BACKENDS)}")
    return chosen


def _keep(runs: Sequence[ProgramRun], json_file: Path | None, trace_folder: Path | None) -> None:
    if trace_folder is not None:
        files.write_folder(
            trace_folder, {f"{run.trace.exercise}-{run.backend}.jsonl": run.trace.dump() for run in runs}
        )
    if json_file is not None:
        files.write_file(json_file, json.dumps(figures(runs), indent=2) + "\n")


@contextmanager
def _server(url: str | None, backends: Sequence[str]) -> Iterator[str]:
    """Give the address of a server that was found fit; none if only multiprocessing is asked for."""
    if list(backends) == ["local"]:
        yield ""
        return
    with broker.Context(url) as ctx:
        ctx.check()
        if "rq" in backends:
            unsigned_jobs.warn(ctx.url)
        yield ctx.url


def _command(path: str, options: list[click.Parameter], callback: Callable[..., int], text: str) -> click.Command:
    rest = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    return click.Command(path, params=[*options, rest], callback=callback, help=text, context_settings=SETTINGS)


def _common() -> list[click.Parameter]:
    return [
        click.Option(["--redis-url", "url"], help="a Redis server; else LAB_REDIS_URL, else a private one is started"),
        click.Option(
            ["--workers"],
            type=click.IntRange(1, 64),
            default=8,
            show_default=True,
            help="RQ workers to start if none listen",
        ),
    ]
