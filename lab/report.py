"""The report: a table with a column per backend, the picture, and what differed and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.checks import Judgement, Verdict
from lab.explain import explain
from lab.picture import draw
from lab.result import Result
from lab.units import seconds

WIDEST = 120  # columns: a wider picture shows no more
STYLES = {Judgement.VALID: "bold green", Judgement.INVALID: "bold red", Judgement.UNKNOWN: "bold yellow"}

ROWS: tuple[tuple[str, Callable[[Result], str]], ...] = (
    ("elapsed", lambda result: seconds(result.elapsed)),
    ("wait, median", lambda result: seconds(result.wait(0.5))),
    ("wait, p99", lambda result: seconds(result.wait(0.99))),
    ("wait, max", lambda result: seconds(result.wait(1.0))),
    ("hand-over, median", lambda result: seconds(result.handover)),
    ("fairness (Jain)", lambda result: "-" if result.fairness is None else f"{result.fairness:.2f}"),
    ("processes", lambda result: str(result.processes)),
    ("processes at once", lambda result: str(result.crowd)),
    ("hosts", lambda result: str(result.hosts)),
)


def report(results: Sequence[Result], console: Console) -> None:
    """Print a comparison."""
    console.print(_title(results[0]))
    console.print(_table(results))
    for verdict, where in _verdicts(results).items():
        console.print(Text.assemble((", ".join(where), "bold"), ": ", _verdict(verdict), f", {verdict.evidence}"))
    console.print()
    console.print(draw(results, min(console.width, WIDEST)))
    console.print()
    console.print(Text(explain(results)))


def _table(results: Sequence[Result]) -> Table:
    table = Table()
    table.add_column("")
    for result in results:
        table.add_column(result.backend, justify="right")
    table.add_row("verdict", *(_verdict(result.verdict) for result in results))
    for what in results[0].outcome:
        table.add_row(what, *(str(result.outcome.get(what, "-")) for result in results))
    table.add_section()
    for name, cell in ROWS:
        table.add_row(name, *(Text(cell(result)) for result in results))
    return table


def _title(result: Result) -> Text:
    parameters = ", ".join(_parameter(name, value) for name, value in result.trace.parameters.items())
    return Text(f"{result.exercise.name}: {parameters}", style="bold")


def _parameter(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name} {value}"


def _verdicts(results: Sequence[Result]) -> dict[Verdict, list[str]]:
    """Return which backends came to each verdict on the same evidence."""
    verdicts: dict[Verdict, list[str]] = {}
    for result in results:
        verdicts.setdefault(result.verdict, []).append(result.backend)
    return verdicts


def _verdict(verdict: Verdict) -> Text:
    return Text(str(verdict), style=STYLES[verdict.judgement])
