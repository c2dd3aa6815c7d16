"""The commands for a program of one's own: `lab run FILE.py` and `lab compare FILE.py`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path

import click
from rich.console import Console

from lab.backends import BACKENDS
from lab.cli import options
from lab.cli.localized import Command, Option
from lab.cli.output import Output, json_option, output_options
from lab.cli.progress import progress_bar
from lab.cli.server import open_server
from lab.errors import InterruptedRunError, LabError
from lab.language import N_
from lab.programs import folder_copy, launch
from lab.programs.differences import equal
from lab.programs.page import program_document
from lab.programs.report import figures, report
from lab.programs.run import ProgramRun, run_program, summarize, with_log
from lab.programs.run_config import RunConfig
from lab.report.faults import describe_fault
from lab.runtime.follow import follow_log
from lab.runtime.interrupts import Interrupts
from lab.trace import FAULTS, Event

SETTINGS = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": ["-h", "--help"]}
FAULT_LIMIT = 30.0  # seconds for a run with faults, unless another limit is given
LIMIT = N_("Seconds after which a run is ended; with --fault {seconds} by default.")
ARGUMENTS = N_(
    "What follows the options is passed to the program. Put -- before it if it begins with an option that the lab also "
    "has."
)
RUN = (
    N_("Run a program of your own, unchanged, as local processes, over Redis, or as RQ jobs."),
    N_("It runs in its own folder."),
    ARGUMENTS,
)
COMPARE = (
    N_(
        "Run a program of your own, unchanged, on several backends. Show how it used its locks, semaphores, events, "
        "queues and pipes, and what differed."
    ),
    N_("Each run starts in a new copy of the program's folder, with an empty standard input."),
    ARGUMENTS,
    N_(
        "Exit status: 0 if all runs were equal, 1 if not, 2 if it could not run. Runs are equal if they had the same "
        "exit code, as many failed processes, and the same lines printed, in any order and apart from process IDs."
    ),
)


def run_command(path: str) -> click.Command:
    """Return the command that runs the program at `path` on one backend."""

    def run(
        backend: str,
        url: str | None,
        workers: int | None,
        repeat: str | None,
        fault: str | None,
        seed: int,
        arguments: Sequence[str],
        **outputs: Path | None,
    ) -> int:
        if repeat is not None:
            once = _(
                "lab run {path} runs the program once; lab compare {path} --on {backend} --repeat N shows the median "
                "and the range of N runs (an option --repeat of the program itself comes after --)"
            )
            raise LabError(once.format(path=path, backend=backend))
        if any(outputs.values()):
            nothing = _(
                "lab run {path} records nothing; lab compare {path} --on {backend} takes --trace, --report and "
                "--perfetto (options of the program itself come after --)"
            )
            raise LabError(nothing.format(path=path, backend=backend))
        program, faults = launch.check_program(Path(path)), options.parse_faults(fault, seed)
        with (
            open_server(url, [backend], faults=faults) as server,
            launch.prepare_run(program, backend, server.url, workers, faults) as config,
            _faults_on_terminal(config) as recorded,
        ):
            return launch.run_in_terminal(recorded, arguments)

    choice = click.Choice(list(BACKENDS))
    on = Option(["--on", "backend"], type=choice, default="local", show_default=True, help=N_("Backend to run on."))
    refused = [Option(["--repeat"]), *output_options()]
    for option in refused:
        option.hidden = True
    return _command(path, [on, *_fault_options(), *_server_options(), *refused], run, RUN)


def compare_command(path: str) -> click.Command:
    """Return the command that runs the program at `path` on each backend and shows what differed."""
    positive = click.FloatRange(0, min_open=True)
    parameters: list[click.Parameter] = [
        options.backends_option(),
        *_fault_options(),
        *_server_options(),
        options.repeat_option(),
        Option(["--limit"], type=positive, help=lambda: _(LIMIT).format(seconds=f"{FAULT_LIMIT:.0f}")),
        *output_options(),
        json_option(),
    ]
    return _command(path, parameters, lambda **given: _compare(Path(path), **given), COMPARE)


def _compare(
    path: Path,
    backends: str,
    url: str | None,
    workers: int | None,
    fault: str | None,
    seed: int,
    repeat: int,
    limit: float | None,
    arguments: Sequence[str],
    **paths: Path | None,
) -> int:
    program, chosen = launch.check_program(path), options.parse_names(backends)
    faults = options.parse_faults(fault, seed)
    limit = FAULT_LIMIT if faults and limit is None else limit
    options.check_backends(chosen)
    output = Output(**paths)
    folder_copy.check_size(program.parent)
    runs: list[ProgramRun] = []
    try:
        with (
            open_server(url, chosen, faults=faults) as server,
            tempfile.TemporaryDirectory(prefix="lab-") as name,
            Interrupts() as interrupts,  # raises Interrupted at the end of the block
        ):
            with progress_bar(len(chosen) * repeat) as bar:
                for backend in chosen * repeat:
                    bar.describe(backend)
                    run = run_program(
                        program, backend, server.url, workers, arguments, limit, Path(name), interrupts, faults
                    )
                    runs.append(run)
                    bar.advance()
                    if interrupts.received:
                        break
            if interrupts.received:
                report(summarize(runs), limit, Console())
    except KeyboardInterrupt as interrupt:
        raise InterruptedRunError from interrupt
    summary = summarize(runs)
    output.write([run.trace for run in runs], lambda: figures(summary), lambda: program_document(summary))
    report(summary, limit, Console())
    return 0 if equal(runs) else 1


def _command(
    path: str, parameters: list[click.Parameter], callback: Callable[..., int], paragraphs: Sequence[str]
) -> click.Command:
    arguments = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    return Command(
        path,
        params=[*parameters, arguments],
        callback=callback,
        help=lambda: "\n\n".join(map(_, paragraphs)),
        context_settings=SETTINGS,
    )


@contextmanager
def _faults_on_terminal(config: RunConfig) -> Iterator[RunConfig]:
    """Record the run if faults are to happen, and print each on standard error."""
    if not config.fault:
        yield config
        return

    def print_fault(event: Event) -> None:
        if event.what in FAULTS:
            click.echo(f"lab: {describe_fault(event)}", err=True)

    with with_log(config) as (recorded, log), follow_log(log, print_fault):
        yield recorded


def _fault_options() -> list[click.Parameter]:
    return [options.fault_option(), options.seed_option()]


def _server_options() -> list[click.Parameter]:
    return [options.redis_url_option(), options.program_workers_option()]
