"""The commands for an exercise: `lab compare NAME` and `lab run NAME`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from gettext import gettext as _
from gettext import ngettext
from typing import Any

import click
from rich.console import Console

from lab.backends import Settings
from lab.checks.verdicts import Judgement, Verdict, worst
from lab.cli import options
from lab.cli.live_view import live_view
from lab.cli.localized import Command
from lab.cli.progress import progress_bar
from lab.cli.server import describe_server, open_server
from lab.compare import compare as run_on_each
from lab.errors import InterruptedRunError
from lab.exercise import Exercise
from lab.formatting import format_seconds
from lab.printed_lines import format_line
from lab.report.faults import explain_faults
from lab.report.table import report
from lab.report.web.exercise import exercise_document
from lab.result import judge, summarize, to_json
from lab.trace import Event, Trace

EXIT_STATUS = {Judgement.VALID: 0, Judgement.INVALID: 1, Judgement.UNKNOWN: 2}


def compare_command(exercise: type[Exercise]) -> click.Command:
    """Return the command that runs an exercise on several backends and shows what differed."""
    return _command(exercise, options.for_compare(exercise), _compare)


def run_command(exercise: type[Exercise]) -> click.Command:
    """Return the command that runs an exercise on one backend and prints what the course's program prints."""
    return _command(exercise, options.for_run(exercise), _run)


def exit_status(verdicts: Sequence[Verdict]) -> int:
    """Return the exit status for these verdicts: 0 valid, 1 invalid, 2 unknown."""
    return EXIT_STATUS[worst(verdicts).judgement]


def _command(
    exercise: type[Exercise],
    parameters: list[click.Parameter],
    execute: Callable[[type[Exercise], Mapping[str, Any]], int],
) -> click.Command:
    return Command(
        exercise.name,
        params=parameters,
        callback=lambda **given: execute(exercise, given),
        help=exercise.statement,
        short_help=exercise.summary,
    )


def _compare(exercise: type[Exercise], given: Mapping[str, Any]) -> int:
    variants, chosen = options.parse_compare(exercise, given)
    with _settings(variants, chosen) as settings:
        if settings.server:
            click.echo(_("server: {server}").format(server=describe_server(settings.server)))
        show = _run_watched if chosen.watch else _run_with_progress
        traces = show(variants, chosen.backends, settings, chosen.repeat)
    results = summarize([judge(trace) for trace in traces])
    chosen.output.write(traces, lambda: to_json(results), lambda: exercise_document(results))
    report(results, Console())
    return exit_status([result.verdict for result in results])


def _run(exercise: type[Exercise], given: Mapping[str, Any]) -> int:
    variant, chosen = options.parse_run(exercise, given)
    console = Console(highlight=False, soft_wrap=True)

    def print_line(event: Event) -> None:
        line = format_line(exercise.printed_lines, event)
        if line is not None:
            console.print(line)

    with _settings([variant], chosen) as settings:
        if chosen.watch:
            traces = _run_watched([variant], chosen.backends, settings, chosen.repeat, console, print_line)
        else:
            traces = run_on_each([variant], chosen.backends, settings, repeat=chosen.repeat, on_event=print_line)
    results = summarize([judge(trace) for trace in traces])
    chosen.output.write(traces, lambda: to_json(results), lambda: exercise_document(results))
    (result,) = results
    console.print(_("{verdict}: {evidence}").format(verdict=result.verdict, evidence=result.verdict.evidence))
    if faults := explain_faults([result]):
        console.print(faults)
    if result.repeats:
        times = [format_seconds(time) for time in result.values(lambda run: run.elapsed)]
        took = ngettext(
            "{count} run took {first} to {last}, median {median}",
            "{count} runs took {first} to {last}, median {median}",
            len(times),
        )
        median = format_seconds(result.elapsed)
        console.print(took.format(count=len(times), first=times[0], last=times[-1], median=median))
    return exit_status([result.verdict])


@contextmanager
def _settings(variants: Sequence[Exercise], chosen: options.Options) -> Iterator[Settings]:
    """Yield the settings of a run, with its server; raise `InterruptedRunError` if the run is interrupted."""
    min_workers = max(exercise.min_workers for exercise in variants)
    try:
        with open_server(chosen.url, chosen.backends, min_workers, chosen.faults) as server:
            yield Settings(server.url, server.description, chosen.workers, chosen.faults, server.log_url)
    except KeyboardInterrupt as interrupt:
        raise InterruptedRunError from interrupt


def _run_with_progress(
    variants: Sequence[Exercise], backends: Sequence[str], settings: Settings, repeat: int
) -> list[Trace]:
    """Run each variant on each backend, with a progress bar that counts the actors that have ended."""
    with progress_bar(repeat * len(backends) * sum(exercise.actors for exercise in variants)) as bar:
        return run_on_each(
            variants,
            backends,
            settings,
            repeat=repeat,
            on_run_start=lambda exercise, backend: bar.describe(f"{exercise.variant} {backend}".strip()),
            on_actor_end=bar.advance,
        )


def _run_watched(
    variants: Sequence[Exercise],
    backends: Sequence[str],
    settings: Settings,
    repeat: int,
    console: Console | None = None,
    on_event: Callable[[Event], object] = lambda _: None,
) -> list[Trace]:
    """Run each variant on each backend, and show meanwhile what the actors are doing."""
    with live_view(console or Console(stderr=True)) as view:

        def show(event: Event) -> None:
            on_event(event)
            view.on_event(event)

        return run_on_each(
            variants,
            backends,
            settings,
            repeat=repeat,
            on_run_start=lambda exercise, backend: view.begin(
                " ".join(filter(None, (exercise.name, exercise.variant, backend)))
            ),
            on_event=show,
        )
