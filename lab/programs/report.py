"""The comparison of a program's runs: a table with a column per backend, what differed, and the figures for JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab.checks import metrics
from lab.formatting import counted, seconds
from lab.programs.differences import alike, explain, primitives
from lab.programs.run import Performance
from lab.programs.usage import SHARES, Usage

MOST = 6  # primitives in the table: more are in the JSON only

ROWS: tuple[tuple[str, Callable[[Performance], str]], ...] = (
    ("exit code", lambda run: "ended" if run.code is None else str(run.code)),
    ("lines printed", lambda run: str(run.lines.total())),
    ("elapsed", lambda run: seconds(run.elapsed)),
    ("processes", lambda run: str(metrics.process_count(run.children))),
    ("max concurrent", lambda run: str(metrics.max_concurrent(run.children))),
    ("processes failed", lambda run: str(run.failures)),
    ("hosts", lambda run: counted(metrics.hosts(run.trace))),
)


def figures(runs: Sequence[Performance]) -> dict[str, Any]:
    """Return the comparison as plain values, for JSON. Times are seconds."""
    return {
        "program": runs[0].trace.exercise,
        **runs[0].trace.parameters,
        "alike": alike(runs),
        "backends": {
            run.backend: {
                "exit_code": run.code,
                "lines": run.lines.total(),
                "elapsed_s": run.elapsed,
                "processes": metrics.process_count(run.children),
                "max_concurrent": metrics.max_concurrent(run.children),
                "failed": run.failures,
                "hosts": len(metrics.hosts(run.trace)),
                "host_names": metrics.hosts(run.trace),
                "workers": run.trace.workers,
                "primitives": {name: usage.figures() for name, usage in run.usages.items()},
            }
            for run in runs
        },
    }


def report(runs: Sequence[Performance], limit: float | None, console: Console) -> None:
    """Print the comparison."""
    console.print(Text(" ".join([runs[0].trace.exercise, *runs[0].trace.parameters["arguments"]]), style="bold"))
    console.print(_table(runs))
    console.print(Text(explain(runs, limit)))


def _table(runs: Sequence[Performance]) -> Table:
    table = Table()
    table.add_column("")
    for run in runs:
        table.add_column(run.backend, justify="right")
    for name, cell in ROWS:
        table.add_row(name, *(cell(run) for run in runs))
    names = primitives(runs)
    for name in names[:MOST]:
        table.add_section()
        used = [run.usages.get(name) for run in runs]
        some = next(usage for usage in used if usage is not None)
        for what in some.counts:
            table.add_row(f"{name}: {what}", *("-" if usage is None else str(usage.counts[what]) for usage in used))
        for what in some.times:
            for share in SHARES if what == "wait" else ["median"]:
                table.add_row(f"{name}: {what}, {share}", *(seconds(_time(usage, what, share)) for usage in used))
    if len(names) > MOST:
        table.caption = f"and {len(names) - MOST} primitives more: see --json"
    return table


def _time(usage: Usage | None, what: str, share: str) -> float | None:
    return None if usage is None else usage.time(what, SHARES[share])
