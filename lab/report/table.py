"""The report: a table with a column per variant and backend, the chart, and what differed and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from gettext import gettext as _
from typing import Any, TypeAlias

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from lab.checks.faults import count_faults
from lab.checks.verdicts import Judgement, Verdict
from lab.formatting import format_names, format_repeats, format_seconds, format_values, join_list
from lab.language import N_
from lab.report.chart import draw
from lab.report.explanations import explain
from lab.result import Result, column_labels, describe_runs, group_by_variant, parameters
from lab.wrapping import WrappedText

MAX_CHART_WIDTH = 120  # columns: a wider chart shows no more
UNLIMITED = 10_000  # columns
STYLES = {Judgement.VALID: "bold green", Judgement.INVALID: "bold red", Judgement.UNKNOWN: "bold yellow"}

Row: TypeAlias = "tuple[str, list[str]]"  # its name, and a cell for each result

# Each row's figure of one run, and how it is written.
ROWS: tuple[tuple[str, Callable[[Result], Any], Callable[[Any], str]], ...] = (
    (N_("elapsed"), lambda result: result.elapsed, format_seconds),
    (N_("wait, median"), lambda result: result.wait(0.5), format_seconds),
    (N_("wait, p99"), lambda result: result.wait(0.99), format_seconds),
    (N_("wait, max"), lambda result: result.wait(1.0), format_seconds),
    (N_("hand-off, median"), lambda result: result.handoff_time, format_seconds),
    (N_("fairness (Jain)"), lambda result: result.fairness, "{:.2f}".format),
    (N_("processes"), lambda result: result.processes, str),
    (N_("max concurrent"), lambda result: result.max_concurrent, str),
    (N_("faults"), lambda result: count_faults(result.trace), str),
    (N_("hosts"), lambda result: result.hosts, format_names),
)


def report(results: Sequence[Result], console: Console) -> None:
    """Print a comparison."""
    console.print(WrappedText(title(results), "bold"))
    for table in _tables(results, console):
        console.print(table)
    for verdict, group in by_verdict(results).items():
        console.print(WrappedText(verdict_line(describe_runs(group, results), verdict)))
    if any(result.inside for result in results):
        console.print()
        console.print(draw(results, min(console.width, MAX_CHART_WIDTH)))
    explanation = explain(results)
    if explanation:
        console.print()
        console.print(WrappedText(explanation))
    repeats = format_repeats(max(len(result.repeats) for result in results))
    console.print(WrappedText(repeats, "dim"))


def _tables(results: Sequence[Result], console: Console) -> list[Table]:
    """Return one table, or one for each variant if that would be wider than the terminal."""
    table = _table(results, results)
    width = Measurement.get(console, console.options.update(max_width=UNLIMITED), table).maximum
    return [table] if width <= console.width else [_table(group, results) for group in group_by_variant(results)]


def _table(shown: Sequence[Result], results: Sequence[Result]) -> Table:
    """Return a table with some of the results as columns, without rows that are empty for all of them."""
    table = Table()
    table.add_column("")
    for label in (label for label, result in zip(column_labels(results), results, strict=True) if result in shown):
        table.add_column(label.replace(" ", "\n"), justify="right")
    table.add_row(_("verdict"), *(_styled(result.verdict) for result in shown))
    for rows in (outcome_rows(shown), figure_rows(shown)):
        for name, cells in rows:
            table.add_row(name, *map(Text, cells))
        table.add_section()
    return table


def outcome_rows(results: Sequence[Result]) -> list[Row]:
    """Return the rows of a table that show the outcome of the exercise."""
    return _filled(
        (_(what), [format_values(each.values(_outcome(what))) for each in results]) for what in results[0].outcome
    )


def figure_rows(results: Sequence[Result]) -> list[Row]:
    """Return the rows of a table that show the figures of `ROWS`."""
    return _filled(
        (_(name), [format_values(each.values(figure), write) for each in results]) for name, figure, write in ROWS
    )


def _filled(rows: Iterable[Row]) -> list[Row]:
    return [(name, cells) for name, cells in rows if any(cell != "-" for cell in cells)]


def _outcome(what: str) -> Callable[[Result], Any]:
    return lambda result: result.outcome.get(what)


def title(results: Sequence[Result]) -> str:
    """Return the name of the exercise and the parameters."""
    shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in parameters(results).items()}
    if not shown:
        return results[0].exercise.name
    values = join_list([f"{name} {value}" for name, value in shown.items()])
    return _("{exercise}: {parameters}").format(exercise=results[0].exercise.name, parameters=values)


def by_verdict(results: Sequence[Result]) -> dict[Verdict, list[Result]]:
    """Return the results that share a verdict and its evidence."""
    groups: dict[Verdict, list[Result]] = {}
    for result in results:
        groups.setdefault(result.verdict, []).append(result)
    return groups


def verdict_line(runs: str, verdict: Verdict) -> Text:
    """Return a verdict and its evidence, after the runs that it is about."""
    sentence = _("{runs}: {verdict}, {evidence}").format(runs=runs, verdict=verdict, evidence=verdict.evidence)
    line, start = Text(sentence), sentence.index(str(verdict), len(runs))
    line.stylize("bold", 0, len(runs))
    line.stylize(STYLES[verdict.judgement], start, start + len(str(verdict)))
    return line


def _styled(verdict: Verdict) -> Text:
    return Text(str(verdict), style=STYLES[verdict.judgement])
