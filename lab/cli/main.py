"""The `lab` command. Exit status: 0 valid, 1 invalid, 2 unknown or could not run."""

from __future__ import annotations

import ast
import inspect
import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import redis
from rich.console import Console
from rich.syntax import Syntax

import broker
from lab.cli import exercise_commands, program_commands, worker_commands
from lab.cli.doctor_command import doctor
from lab.errors import LabError
from lab.exercise import Exercise
from lab.exercises import EXERCISES
from lab.report.table import report
from lab.result import in_order, judge
from lab.trace import load_traces


class _Plays(click.Group):
    """A command for each exercise, and for each program of one's own: a file whose name ends in .py."""

    def __init__(
        self,
        *args: Any,
        of_exercise: Callable[[type[Exercise]], click.Command],
        of_program: Callable[[str], click.Command],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._of_exercise = of_exercise
        self._of_program = of_program

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command:
        if cmd_name.endswith(".py"):
            return self._of_program(cmd_name)
        return self._of_exercise(_find(cmd_name))

    def list_commands(self, _: click.Context) -> list[str]:
        return list(EXERCISES)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="multiprocessing-lab", prog_name="lab")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Run a multiprocessing course's exercises on one machine's processes and on Redis, side by side."""
    _help_alone(ctx)


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


@cli.group(
    cls=_Plays,
    of_exercise=exercise_commands.run_command,
    of_program=program_commands.run_command,
    invoke_without_command=True,
)
@click.pass_context
def run(ctx: click.Context) -> None:
    """Run an exercise, or a program of your own (FILE.py), on one backend, and see what it prints as it happens."""
    _help_alone(ctx)


@cli.group(
    cls=_Plays,
    of_exercise=exercise_commands.compare_command,
    of_program=program_commands.compare_command,
    invoke_without_command=True,
)
@click.pass_context
def compare(ctx: click.Context) -> None:
    """Run an exercise, or a program of your own (FILE.py), on each backend, and show what differed."""
    _help_alone(ctx)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def check(folder: Path) -> int:
    """Judge the traces in FOLDER again, which `lab compare --trace` has written; this needs no Redis."""
    results = [judge(trace) for trace in load_traces(folder)]
    for exercise in dict.fromkeys(result.exercise.name for result in results):
        report(in_order([result for result in results if result.exercise.name == exercise]), Console())
    return exercise_commands.status(results)


cli.add_command(worker_commands.worker)
cli.add_command(worker_commands.workers)
cli.add_command(doctor)


def _help_alone(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


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
