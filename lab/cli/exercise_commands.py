"""The commands for an exercise: `lab compare NAME` and `lab run NAME`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import broker
from lab import files
from lab.backends import Settings
from lab.checks.verdicts import Judgement, worst
from lab.cli import options, unsigned_jobs
from lab.compare import compare as run_on_each
from lab.errors import LabError
from lab.exercise import Exercise
from lab.printed_lines import format_line
from lab.report.table import report
from lab.result import Result, judge, to_json
from lab.trace import Event, Trace

STATUS = {Judgement.VALID: 0, Judgement.INVALID: 1, Judgement.UNKNOWN: 2}
INTERRUPTED = "interrupted; all that was started has been ended, and nothing was written"


def compare_command(exercise: type[Exercise]) -> click.Command:
    """Return the command that runs an exercise on each backend and shows what differed."""
    return _command(exercise, options.for_compare(exercise), _compare)


def run_command(exercise: type[Exercise]) -> click.Command:
    """Return the command that runs an exercise on one backend and prints what the course's program prints."""
    return _command(exercise, options.for_run(exercise), _run)


def status(results: Sequence[Result]) -> int:
    """Return the exit status of these results: 0 valid, 1 invalid, 2 unknown."""
    return STATUS[worst([result.verdict for result in results]).judgement]


def _command(
    exercise: type[Exercise], parameters: list[click.Parameter], do: Callable[[type[Exercise], Mapping[str, Any]], int]
) -> click.Command:
    return click.Command(
        exercise.name,
        params=parameters,
        callback=lambda **given: do(exercise, given),
        help=exercise.statement(),
        short_help=exercise.summary,
    )


def _compare(exercise: type[Exercise], given: Mapping[str, Any]) -> int:
    variants, wanted = options.parse_compare(exercise, given)
    with _settings(wanted) as settings:
        if settings.server:
            click.echo(f"server: {settings.server}")
        traces = _watch(variants, wanted.backends, settings)
    results = [judge(trace) for trace in traces]
    _keep(traces, wanted)
    if wanted.json_file is not None:
        files.write_file(wanted.json_file, json.dumps(to_json(results), indent=2) + "\n")
    report(results, Console())
    return status(results)


def _run(exercise: type[Exercise], given: Mapping[str, Any]) -> int:
    chosen, wanted = options.parse_run(exercise, given)
    console = Console(highlight=False, soft_wrap=True)

    def say(event: Event) -> None:
        line = format_line(exercise.printed_lines, event, wanted.language)
        if line is not None:
            console.print(line)

    with _settings(wanted) as settings:
        traces = run_on_each([chosen], wanted.backends, settings, on_event=say)
    result = judge(traces[0])
    _keep(traces, wanted)
    console.print(f"{result.verdict}: {result.verdict.evidence}")
    return status([result])


@contextmanager
def _settings(wanted: options.Options) -> Iterator[Settings]:
    """Find a server that is fit, if one is needed; a run that is interrupted ends with one sentence."""
    try:
        if wanted.backends == ["local"]:
            yield Settings(workers=wanted.workers)
            return
        with broker.Context(wanted.url) as ctx:
            server = ctx.check()
            if "rq" in wanted.backends:
                unsigned_jobs.warn(ctx.url)
            yield Settings(ctx.url, server, wanted.workers)
    except KeyboardInterrupt:
        raise LabError(INTERRUPTED) from None


def _watch(variants: Sequence[Exercise], backends: Sequence[str], settings: Settings) -> list[Trace]:
    """Run them behind a bar that shows how many actors have ended."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        return run_on_each(
            variants,
            backends,
            settings,
            on_begin=lambda exercise, backend: progress.add_task(
                f"{exercise.variant} {backend}".strip(), total=exercise.actors
            ),
            on_end=lambda: progress.advance(progress.task_ids[-1]),
        )


def _keep(traces: Sequence[Trace], wanted: options.Options) -> None:
    if wanted.trace_folder is not None:
        files.write_folder(wanted.trace_folder, {_file_name(trace): trace.dump() for trace in traces})


def _file_name(trace: Trace) -> str:
    parts = (trace.exercise, trace.parameters.get("how"), trace.backend)
    return "-".join(filter(None, parts)) + ".jsonl"
