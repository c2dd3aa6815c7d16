"""The `lab` command. Exit status: 0 valid, 1 invalid, 2 unknown or could not run."""

from __future__ import annotations

import ast
import inspect
import io
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
import redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax

import broker
from lab import files, options
from lab.backends import Settings
from lab.checks import Judgement, worst
from lab.compare import compare as run_on_each
from lab.errors import LabError
from lab.exercise import Exercise
from lab.exercises import EXERCISES
from lab.report import report
from lab.result import judge, to_json
from lab.trace import Trace, load

STATUS = {Judgement.VALID: 0, Judgement.INVALID: 1, Judgement.UNKNOWN: 2}
INTERRUPTED = "interrupted; all that was started has been ended, and nothing was written"


class _Comparisons(click.Group):
    """A command for each exercise."""

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command:
        exercise = _find(cmd_name)
        return click.Command(
            cmd_name,
            params=options.parameters_of(exercise),
            callback=lambda **given: _compare(exercise, given),
            help=exercise.statement(),
            short_help=exercise.summary,
        )

    def list_commands(self, _: click.Context) -> list[str]:
        return list(EXERCISES)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Run a multiprocessing course's exercises on one machine's processes and on Redis, side by side."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command(name="list")
def list_exercises() -> None:
    """Say which exercises there are, in the course's order."""
    width = max(map(len, EXERCISES))
    for name, exercise in EXERCISES.items():
        click.echo(f"{name.ljust(width)}  {exercise.summary}")


@cli.command()
@click.argument("exercise")
def show(exercise: str) -> None:
    """Print what the course asks, and the exercise's source."""
    shown = _find(exercise)
    source = _without_docstring(inspect.getsource(sys.modules[shown.__module__]))
    click.echo(f"{shown.name}: {shown.summary}\n\n{shown.statement()}\n")
    console = Console()
    if console.is_terminal:
        console.print(Syntax(source, "python", word_wrap=True, background_color="default"))
    else:
        click.echo(source)


@cli.group(cls=_Comparisons, invoke_without_command=True)
@click.pass_context
def compare(ctx: click.Context) -> None:
    """Run an exercise on each backend with the same parameters, and show what differed."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def check(folder: Path) -> int:
    """Judge the traces in FOLDER again, which `lab compare --trace` has written; this needs no Redis."""
    results = [judge(trace) for trace in load(folder)]
    for exercise in dict.fromkeys(result.exercise for result in results):
        report([result for result in results if result.exercise == exercise], Console())
    return STATUS[worst([result.verdict for result in results]).judgement]


def _compare(exercise: type[Exercise], given: dict[str, Any]) -> int:
    parameters, wanted = options.split(given)
    try:
        traces = _run(exercise(**parameters), wanted)
    except KeyboardInterrupt:
        raise LabError(INTERRUPTED) from None
    results = [judge(trace) for trace in traces]
    if wanted.trace_folder is not None:
        named = {f"{trace.exercise}-{trace.backend}.jsonl": trace.dump() for trace in traces}
        files.write_folder(wanted.trace_folder, named)
    if wanted.json_file is not None:
        files.write_file(wanted.json_file, json.dumps(to_json(results), indent=2) + "\n")
    report(results, Console())
    return STATUS[worst([result.verdict for result in results]).judgement]


def _run(exercise: Exercise, wanted: options.Options) -> list[Trace]:
    if wanted.backends == ["local"]:
        return _watch(exercise, wanted.backends, Settings(exercise.actors))
    with broker.Context(wanted.url) as ctx:
        server = ctx.check()
        click.echo(f"server: {server}")
        return _watch(exercise, wanted.backends, Settings(exercise.actors, ctx.url, server, wanted.workers))


def _watch(exercise: Exercise, backends: Sequence[str], settings: Settings) -> list[Trace]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        return run_on_each(
            exercise,
            backends,
            settings,
            on_begin=lambda backend: progress.add_task(backend, total=exercise.actors),
            on_end=lambda: progress.advance(progress.task_ids[-1]),
        )


def _find(name: str) -> type[Exercise]:
    try:
        return EXERCISES[name]
    except KeyError:
        raise LabError(f"there is no exercise {name!r}; there are: {', '.join(EXERCISES)}") from None


def _without_docstring(source: str) -> str:
    end = ast.parse(source).body[0].end_lineno or 0
    return "".join(source.splitlines(keepends=True)[end:]).strip()


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command line; whatever goes wrong is one sentence on standard error and exit status 2."""
    signal.signal(signal.SIGTERM, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without block characters gets question marks
    try:
        status = cli.main(standalone_mode=False)
    except click.UsageError as error:
        _fail(f"{error.format_message()} (see {error.ctx.command_path if error.ctx else 'lab'} --help)")
    except click.Abort:
        _fail("interrupted")
    except redis.RedisError as error:
        _fail(f"the Redis server failed during the run ({error}); see whether it still runs, and try again")
    except (LabError, broker.BrokerError, click.ClickException, OSError) as error:
        _fail(str(error))
    sys.exit(status or 0)


def _fail(sentence: str) -> NoReturn:
    print(f"lab: {sentence}", file=sys.stderr)
    sys.exit(2)
