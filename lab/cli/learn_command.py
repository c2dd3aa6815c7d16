"""The commands of the ladder: `lab learn`, `lab learn start` and `lab learn check`."""

from __future__ import annotations

import shlex
from gettext import gettext as _
from pathlib import Path

import click
from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text

from lab.cli.localized import group, option
from lab.cli.output import PATH
from lab.errors import LabError
from lab.language import N_
from lab.learn.errors import UnjudgedError
from lab.learn.narration import describe_fault, narrate
from lab.learn.process import check_in_process
from lab.learn.progress import Folder, find_rung, number_of
from lab.learn.rung import Outcome, Rung
from lab.learn.rungs import RUNGS
from lab.report.lanes import draw_lanes
from lab.wrapping import wrap

MAX_WIDTH = 100  # columns of the lanes
TEXT_WIDTH = 79  # columns of what is to be read
STATE_WIDTH = 7  # columns of how far the learner has come with a rung
IN = option(
    "--in",
    "path",
    type=PATH,
    default="learn",
    show_default=True,
    metavar="FOLDER",
    help=N_("Your folder for the files."),
)


@group(invoke_without_command=True, short_help=N_("Repair ten broken locks."))
@IN
@click.pass_context
def learn(ctx: click.Context, path: Path) -> None:
    """Repair ten broken locks and semaphores. Without a command, list them, and how far you have come.

    The lab tries your version against the fault that breaks it, and shows a run in which it goes wrong.
    """
    ctx.default_map = {name: {"path": path} for name in learn.commands}  # also before the command
    if ctx.invoked_subcommand is not None:
        return
    folder = Folder.load(path)
    width = max(len(rung.name) for rung in RUNGS)
    for number, rung in enumerate(RUNGS, 1):
        state = set_cell_size(folder.state_of(rung), STATE_WIDTH)
        click.echo(f"{number:2}  {rung.name.ljust(width)}  {state}  {_(rung.title)}")


@learn.command(short_help=N_("Write the file of a rung."))
@click.argument("rung", metavar="N|NAME")
@IN
def start(rung: str, path: Path) -> None:
    """Write the file of a rung, which you then edit, and show it."""
    chosen = find_rung(rung)
    file = Folder.load(path).start(chosen)
    click.echo(f"{file}\n\n{_(chosen.title)}\n\n{_(chosen.task)}\n")
    click.echo(_("Edit the file, then: {command}").format(command=_check_command(chosen, path)))


@learn.command(short_help=N_("Try your version of a rung."))
@click.argument("rung", metavar="N|NAME")
@IN
@option("--hint", is_flag=True, help=N_("Also show a hint: one more each time, up to three."))
def check(rung: str, path: Path, hint: bool) -> int:
    """Try your version of a rung against the fault that breaks the original.

    Exit status: 0 it holds, 1 it does not, 2 it could not be tried.
    """
    chosen, folder = find_rung(rung), Folder.load(path)
    file = folder.file_of(chosen)
    if not file.is_file():
        command = f"lab learn start {number_of(chosen)}{_in(path)}"
        raise LabError(_("there is no file {file}; write it with: {command}").format(file=file, command=command))
    try:
        outcome = check_in_process(chosen, file)
    except UnjudgedError as error:
        raise LabError(f"{file}: {error}") from error
    if outcome.trace is None:
        folder.held.add(chosen.name)
        _print_success(chosen, outcome, folder)
    else:
        folder.held.discard(chosen.name)
        _print_counterexample(chosen, outcome)
        _print_hints(chosen, folder, hint)
    folder.save()
    return 0 if outcome.trace is None else 1


def _print_success(rung: Rung, outcome: Outcome, folder: Folder) -> None:
    sentence = _("{number}. {title}: your version holds, in {count} runs.")
    click.echo(sentence.format(number=number_of(rung), title=_(rung.title), count=outcome.runs) + "\n")
    click.echo(wrap(_(rung.explanation), TEXT_WIDTH) + "\n")
    later = RUNGS[number_of(rung) :] + RUNGS
    following = next((each for each in later if each.name not in folder.held), None)
    if following is None:
        click.echo(_("That was the last one."))
    elif folder.file_of(following).exists():
        click.echo(_("Next: {file}").format(file=folder.file_of(following)))
    else:
        sentence = _("Next: {title}. The file is {file}")
        click.echo(sentence.format(title=_(following.title), file=folder.start(following)))


def _print_counterexample(rung: Rung, outcome: Outcome) -> None:
    console = Console(highlight=False)
    verdict, trace = outcome.verdict, outcome.trace
    assert verdict is not None
    assert trace is not None
    heading = _("{number}. {title}: your version does not hold.").format(number=number_of(rung), title=_(rung.title))
    in_this_run = _("In this run: {fault}").format(fault=describe_fault(outcome.fault))
    console.print(Text(wrap(heading, console.width), style="bold"))
    for sentence in (_("{evidence}.").format(evidence=verdict.evidence), in_this_run):
        console.print(Text(wrap(sentence, console.width)))
    console.print()
    here = verdict.events[-1] if verdict.events else None
    console.print(draw_lanes(trace, min(console.width, MAX_WIDTH), here))
    console.print()
    for line in narrate(trace):
        console.print(Text(line), soft_wrap=True)
    console.print()


def _print_hints(rung: Rung, folder: Folder, more: bool) -> None:
    shown = folder.hints.get(rung.name, 0)
    if more:
        shown = folder.hints[rung.name] = min(shown + 1, len(rung.hints))
        for number, hint in enumerate(rung.hints[:shown], 1):
            click.echo(wrap(_("Hint {number}: {hint}").format(number=number, hint=_(hint)), TEXT_WIDTH))
    if shown < len(rung.hints):
        sentence = _("One more hint: {command}") if shown else _("A hint: {command}")
        click.echo(sentence.format(command=f"{_check_command(rung, folder.path)} --hint"))


def _check_command(rung: Rung, path: Path) -> str:
    return f"lab learn check {number_of(rung)}{_in(path)}"


def _in(path: Path) -> str:
    return "" if path == Path("learn") else f" --in {shlex.quote(str(path))}"
