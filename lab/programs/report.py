"""The report on a program's runs: a table with a column per backend, what differed, and the figures for JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.checks import metrics
from lab.checks.primitives import invariants_hold
from lab.checks.verdicts import Verdict
from lab.formatting import format_names, format_seconds
from lab.programs.differences import equal, explain, primitives
from lab.programs.run import ProgramRun
from lab.programs.usage import PERCENTILES, WAIT
from lab.programs.waiting import explain_waits

MAX_PRIMITIVES = 6  # in the table: the others are only in the JSON

ROWS: tuple[tuple[str, Callable[[ProgramRun], str]], ...] = (
    ("exit code", lambda run: run.how_it_ended),
    ("lines printed", lambda run: "-" if run.output is None else str(run.lines.total())),
    ("elapsed", lambda run: format_seconds(run.elapsed)),
    ("processes", lambda run: str(metrics.process_count(run.children))),
    ("max concurrent", lambda run: str(metrics.max_concurrent(run.trace))),
    ("processes failed", lambda run: str(run.failures)),
    ("hosts", lambda run: format_names(metrics.hosts(run.trace))),
)


def figures(runs: Sequence[ProgramRun]) -> dict[str, Any]:
    """Return the comparison as plain values, for JSON. Times are in seconds."""
    return {
        "program": runs[0].trace.exercise,
        **runs[0].trace.parameters,
        "equal": equal(runs),
        "backends": {
            run.backend: {
                "exit_code": run.exit_code,
                "lines": run.lines.total(),
                "elapsed_s": run.elapsed,
                "processes": metrics.process_count(run.children),
                "max_concurrent": metrics.max_concurrent(run.trace),
                "failed": run.failures,
                "hosts": len(metrics.hosts(run.trace)),
                "host_names": metrics.hosts(run.trace),
                "workers": run.trace.workers,
                "primitives": {name: usage.figures() for name, usage in run.usages.items()},
            }
            for run in runs
        },
    }


def report(runs: Sequence[ProgramRun], limit: float | None, console: Console) -> None:
    """Print the report; `limit` is the time in seconds after which runs were stopped."""
    console.print(Text(" ".join([runs[0].trace.exercise, *runs[0].trace.parameters["arguments"]]), style="bold"))
    console.print(_table(runs))
    for paragraph in filter(None, (explain_waits(runs), explain(runs, limit))):
        console.print(Text(paragraph))


def report_saved(runs: Sequence[ProgramRun], console: Console) -> list[Verdict]:
    """Print a report on saved traces, and the verdict on each run's primitives; return the verdicts."""
    console.print(Text(" ".join([runs[0].trace.exercise, *runs[0].trace.parameters["arguments"]]), style="bold"))
    console.print(_table(runs))
    verdicts = [invariants_hold(run.trace) for run in runs]
    for run, verdict in zip(runs, verdicts, strict=True):
        console.print(Text(f"{run.backend}: {verdict}, {verdict.evidence}"))
    if waits := explain_waits(runs):
        console.print(Text(waits))
    return verdicts


def _table(runs: Sequence[ProgramRun]) -> Table:
    table = Table()
    table.add_column("")
    for run in runs:
        table.add_column(run.backend, justify="right")
    for name, cell in ROWS:
        table.add_row(name, *(cell(run) for run in runs))
    names = primitives(runs)
    for name in names[:MAX_PRIMITIVES]:
        table.add_section()
        table.add_row(Text(name, style="bold"))
        usages = [run.usages.get(name) for run in runs]
        first = next(usage for usage in usages if usage is not None)
        for what in first.counts:
            table.add_row(f"  {what}", *("-" if usage is None else str(usage.counts[what]) for usage in usages))
        for what in first.times:
            for label in PERCENTILES if what == WAIT else ["median"]:
                times = (None if usage is None else usage.time(what, PERCENTILES[label]) for usage in usages)
                table.add_row(f"  {what}, {label}", *map(format_seconds, times))
    if len(names) > MAX_PRIMITIVES:
        table.caption = f"and {len(names) - MAX_PRIMITIVES} more primitives: see --json"
    return table
