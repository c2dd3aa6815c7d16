"""The report on a program's runs: a table with a column per backend, what differed, and the figures for JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from gettext import gettext as _
from gettext import ngettext
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.checks import metrics
from lab.checks.faults import count_faults, fault_figures
from lab.checks.primitives import invariants_hold
from lab.checks.verdicts import Verdict
from lab.formatting import format_names, format_repeats, format_seconds, format_values
from lab.language import N_
from lab.programs.differences import equal, explain, primitives
from lab.programs.run import ProgramRun
from lab.programs.unrecorded import explain_unrecorded, unrecorded
from lab.programs.usage import HOLD, PERCENTILES, ROOM, WAIT
from lab.programs.waiting import explain_waits
from lab.report.faults import name_faults
from lab.report.table import Row, verdict_line
from lab.report.web.document import Section
from lab.wrapping import WrappedText

FAULTS = N_("faults")  # a row that only runs with planned faults have
MAX_PRIMITIVES = 6  # in the table: the others are only in the JSON

# Each row's figure of one run, and how it is written.
ROWS: tuple[tuple[str, Callable[[ProgramRun], Any], Callable[[Any], str]], ...] = (
    (N_("exit code"), lambda run: run.how_it_ended, str),
    (N_("lines printed"), lambda run: None if run.output is None else run.lines.total(), str),
    (N_("elapsed"), lambda run: run.elapsed, format_seconds),
    (N_("processes"), lambda run: metrics.process_count(run.children), str),
    (N_("max concurrent"), lambda run: metrics.max_concurrent(run.trace), str),
    (N_("processes failed"), lambda run: run.failures, str),
    (FAULTS, lambda run: count_faults(run.trace), str),
    (N_("hosts"), lambda run: metrics.hosts(run.trace), format_names),
)
# The rows of each primitive's times, by what is shown of them.
ROWS_OF_TIMES = {
    WAIT: {"median": N_("wait, median"), "p99": N_("wait, p99"), "max": N_("wait, max")},
    ROOM: {"median": N_("wait for room, median")},
    HOLD: {"median": N_("hold, median")},
}


def figures(runs: Sequence[ProgramRun]) -> dict[str, Any]:
    """Return the comparison as plain values, for JSON. Times are in seconds."""
    return {
        "program": runs[0].trace.exercise,
        **runs[0].trace.parameters,
        "equal": equal(runs),
        "backends": {
            run.backend: {**_figures(run), **({"repeats": list(map(_figures, run.repeats))} if run.repeats else {})}
            for run in runs
        },
    }


def _figures(run: ProgramRun) -> dict[str, Any]:
    return {
        "exit_code": run.exit_code,
        "lines": run.lines.total(),
        "elapsed_s": run.elapsed,
        "processes": metrics.process_count(run.children),
        "max_concurrent": metrics.max_concurrent(run.trace),
        "failed": run.failures,
        "hosts": len(metrics.hosts(run.trace)),
        "host_names": metrics.hosts(run.trace),
        "workers": run.trace.workers,
        "faults": fault_figures(run.trace),
        "unrecorded": unrecorded(run),
        "primitives": {name: usage.figures() for name, usage in run.usages.items()},
    }


def report(runs: Sequence[ProgramRun], limit: float | None, console: Console) -> None:
    """Print the report; `limit` is the time in seconds after which runs were stopped."""
    console.print(Text(" ".join([runs[0].trace.exercise, *runs[0].trace.parameters["arguments"]]), style="bold"))
    console.print(_table(runs))
    for text in filter(None, (faults(runs), explain_waits(runs), explain(runs, limit), explain_unrecorded(runs))):
        console.print(WrappedText(text))
    repeats = format_repeats(max(len(run.repeats) for run in runs))
    console.print(WrappedText(repeats, "dim"))


def report_saved(runs: Sequence[ProgramRun], console: Console) -> list[Verdict]:
    """Print a report on saved traces, and the verdict on each run's primitives; return the verdicts."""
    console.print(Text(" ".join([runs[0].trace.exercise, *runs[0].trace.parameters["arguments"]]), style="bold"))
    console.print(_table(runs))
    verdicts = [_worst_invariants(run) for run in runs]
    for run, verdict in zip(runs, verdicts, strict=True):
        console.print(WrappedText(verdict_line(run.backend, verdict)))
    for text in filter(None, (faults(runs), explain_waits(runs), explain_unrecorded(runs))):
        console.print(WrappedText(text))
    return verdicts


def _table(runs: Sequence[ProgramRun]) -> Table:
    table = Table()
    table.add_column("")
    for run in runs:
        table.add_column(run.backend, justify="right")
    first, *by_primitive = table_sections(runs)
    for row, cells in first.rows:
        table.add_row(row, *cells)
    for section in by_primitive[:MAX_PRIMITIVES]:
        table.add_section()
        table.add_row(Text(section.title, style="bold"))
        for row, cells in section.rows:
            table.add_row(f"  {row}", *cells)
    if len(by_primitive) > MAX_PRIMITIVES:
        more = len(by_primitive) - MAX_PRIMITIVES
        caption = ngettext("and {count} more primitive: see --json", "and {count} more primitives: see --json", more)
        table.caption = caption.format(count=more)
    return table


def faults(runs: Sequence[ProgramRun]) -> str:
    """Return which faults happened on which backends; empty if none was planned."""
    return name_faults([(run.backend, run.trace) for run in runs])


def table_sections(runs: Sequence[ProgramRun]) -> list[Section]:
    """Return the rows of the table: those of the runs, and then those of each primitive, which is the title."""
    planned = any(run.trace.faults for run in runs)
    rows = [(_(row), _cells(runs, figure, write)) for row, figure, write in ROWS if planned or row != FAULTS]
    return [Section("", rows), *(Section(name, _primitive_rows(runs, name)) for name in primitives(runs))]


def _primitive_rows(runs: Sequence[ProgramRun], name: str) -> list[Row]:
    first = next(run.usages[name] for run in runs if name in run.usages)
    rows = [(_(what), _cells(runs, _count(name, what), str)) for what in first.counts]
    for what in first.times:
        for label, row in ROWS_OF_TIMES[what].items():
            rows.append((_(row), _cells(runs, _time(name, what, label), format_seconds)))
    return rows


def _cells(runs: Sequence[ProgramRun], figure: Callable[[ProgramRun], Any], write: Callable[[Any], str]) -> list[str]:
    return [format_values(run.values(figure), write) for run in runs]


def _count(name: str, what: str) -> Callable[[ProgramRun], int | None]:
    return lambda run: run.usages[name].counts[what] if name in run.usages else None


def _time(name: str, what: str, label: str) -> Callable[[ProgramRun], float | None]:
    return lambda run: run.usages[name].time(what, PERCENTILES[label]) if name in run.usages else None


def _worst_invariants(run: ProgramRun) -> Verdict:
    return max((invariants_hold(each.trace) for each in run.each), key=lambda verdict: verdict.judgement)
