"""The `lab` command. Exit status: 0 valid, 1 invalid, 2 unknown or could not run, 130 interrupted by Ctrl-C."""

from __future__ import annotations

import ast
import inspect
import signal
import sys
from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path
from typing import Any, NoReturn

import click
import redis
from rich.console import Console
from rich.syntax import Syntax

import broker
from lab.checks.verdicts import Verdict
from lab.cli import ascii_fallback, exercise_commands, program_commands, worker_commands
from lab.cli.doctor_command import doctor
from lab.cli.exit_status import exit_with, interrupt_status
from lab.cli.learn_command import learn
from lab.cli.localized import Group, Option, group, option
from lab.cli.locks_command import locks
from lab.cli.report_command import report_command
from lab.cli.top_command import top
from lab.course import QUESTIONS
from lab.errors import InterruptedRunError, LabError
from lab.exercise import Exercise
from lab.exercises import EXERCISES
from lab.formatting import join_list
from lab.language import N_
from lab.programs.report import report_saved
from lab.programs.run import ProgramRun
from lab.programs.run import summarize as summarize_runs
from lab.report.table import report
from lab.result import judge, sort_results, summarize
from lab.runtime.interrupts import raise_interrupted
from lab.trace import load_traces
from lab.wrapping import wrap, wrap_long_lines

MAX_HELP_WIDTH = 100  # columns
TEXT_WIDTH = 79  # columns of what is to be read


class _ExerciseGroup(Group):
    """A group with a command for each exercise, and for each program of one's own: a file whose name ends in .py."""

    def __init__(
        self,
        *args: Any,
        exercise_command: Callable[[type[Exercise]], click.Command],
        program_command: Callable[[str], click.Command],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._exercise_command = exercise_command
        self._program_command = program_command

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command:
        if cmd_name.endswith(".py"):
            return self._program_command(cmd_name)
        return self._exercise_command(_find(cmd_name))

    def list_commands(self, _: click.Context) -> list[str]:
        return list(EXERCISES)


@group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": MAX_HELP_WIDTH},
)
@click.version_option(
    package_name="multiprocessing-lab", prog_name="lab", cls=Option, help=N_("Show the version and exit.")
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Run the exercises of a multiprocessing course as local processes, over Redis and as RQ jobs, side by side."""
    _print_help_without_subcommand(ctx)


@cli.command(name="list", short_help=N_("List the exercises."))
def list_exercises() -> None:
    """List the exercises, in the course's order."""
    width = max(map(len, EXERCISES))
    for name, exercise in EXERCISES.items():
        click.echo(f"{name.ljust(width)}  {_(exercise.summary)}")


@cli.command(short_help=N_("Show the course's program and its question."))
@click.argument("name", metavar="EXERCISE")
@option("--source", is_flag=True, help=N_("Also show the exercise's description and its code."))
def show(name: str, source: bool) -> None:
    """Show the course's own program, what it asks about it, and the command that answers this.

    Of an exercise for which the course has no program, show the description.
    """
    exercise = _find(name)
    question = QUESTIONS.get(name)
    if question is None:
        click.echo(_("{name}: {summary}").format(name=name, summary=_(exercise.summary)) + "\n")
    else:
        heading = _("{name}: the course's program {program}")
        click.echo(heading.format(name=name, program=f"{question.program}.py") + "\n")
        _print_python(question.source())
        expected = _("What do you expect?")
        click.echo(f"\n{wrap(_(question.text), TEXT_WIDTH)}\n\n{expected}\n\n    {question.command}")
    if source and question is not None:
        click.echo()
    if source or question is None:
        click.echo(wrap_long_lines(exercise.statement(), TEXT_WIDTH))
    if source:
        click.echo()
        _print_python(_without_docstring(inspect.getsource(sys.modules[exercise.__module__])))


@cli.group(
    cls=_ExerciseGroup,
    exercise_command=exercise_commands.run_command,
    program_command=program_commands.run_command,
    invoke_without_command=True,
    short_help=N_("Run an exercise or a program on one backend."),
)
@click.pass_context
def run(ctx: click.Context) -> None:
    """Run an exercise, or a program of your own (FILE.py), on one backend, and print what it prints as it happens."""
    _print_help_without_subcommand(ctx)


@cli.group(
    cls=_ExerciseGroup,
    exercise_command=exercise_commands.compare_command,
    program_command=program_commands.compare_command,
    invoke_without_command=True,
    short_help=N_("Compare an exercise or a program on several backends."),
)
@click.pass_context
def compare(ctx: click.Context) -> None:
    """Run an exercise, or a program of your own (FILE.py), on several backends, and show what differed.

    Exit status: 0 valid, 1 invalid, 2 unknown or could not run, 130 interrupted by Ctrl-C.
    """
    _print_help_without_subcommand(ctx)


@cli.command(short_help=N_("Judge saved traces again."))
@click.argument("folder", type=click.Path(path_type=Path))
def check(folder: Path) -> int:
    """Judge again the traces in FOLDER, which `lab compare --trace` has written. This needs no Redis.

    Of a program of your own, what its locks, semaphores, events, queues and pipes promise is checked.
    """
    traces, verdicts = load_traces(folder), list[Verdict]()
    for name in dict.fromkeys(trace.exercise for trace in traces):
        same = [trace for trace in traces if trace.exercise == name]
        if name.endswith(".py"):
            verdicts += report_saved(summarize_runs([ProgramRun(trace, None) for trace in same]), Console())
        else:
            results = sort_results(summarize([judge(trace) for trace in same]))
            report(results, Console())
            verdicts += [result.verdict for result in results]
    return exercise_commands.exit_status(verdicts)


cli.add_command(worker_commands.worker)
cli.add_command(worker_commands.workers)
cli.add_command(doctor)
cli.add_command(learn)
cli.add_command(locks)
cli.add_command(top)
cli.add_command(report_command())


def _print_help_without_subcommand(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _find(name: str) -> type[Exercise]:
    try:
        return EXERCISES[name]
    except KeyError:
        unknown = _("there is no exercise {name!r}; there are: {names}")
        raise LabError(unknown.format(name=name, names=join_list(list(EXERCISES)))) from None


def _print_python(source: str) -> None:
    console = Console()
    if console.is_terminal:
        console.print(Syntax(source, "python", word_wrap=True, background_color="default"))
    else:
        click.echo(source)


def _without_docstring(source: str) -> str:
    end = ast.parse(source).body[0].end_lineno or 0
    return "".join(source.splitlines(keepends=True)[end:]).strip()


def main() -> NoReturn:
    """Run the command line; an error is one sentence on standard error and exit status 2."""
    signal.signal(signal.SIGTERM, raise_interrupted)
    for stream in (sys.stdout, sys.stderr):
        ascii_fallback.install(stream)
    try:
        status = cli.main(standalone_mode=False)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "lab"
        message = error.format_message().rstrip(".。").replace("。 ", "。")
        _fail(_("{message} (see {command})").format(message=message, command=f"{path} --help"))
    except click.Abort as error:
        _fail(_("interrupted"), interrupt_status(error.__cause__))
    except InterruptedRunError as error:
        _fail(str(error), interrupt_status(error.__cause__))
    except redis.RedisError as error:
        failed = _("the Redis server failed during the run ({error}); check that it is running, and try again")
        _fail(failed.format(error=error))
    except (LabError, broker.BrokerError, click.ClickException, OSError) as error:
        _fail(str(error))
    exit_with(status or 0)


def _fail(sentence: str, status: int = 2) -> NoReturn:
    print(f"lab: {sentence}", file=sys.stderr)
    exit_with(status)
