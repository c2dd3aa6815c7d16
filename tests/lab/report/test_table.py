"""Hosts in the table, the sentences and the figures of a report."""

from __future__ import annotations

import dataclasses
import io

from rich.console import Console

from lab.report.explanations import explain
from lab.report.table import report
from lab.result import Result, judge, to_json
from lab.trace import LAB
from tests.support.traces import TWO_BUYERS, parse_trace


def test_hosts_are_listed_with_the_uncertainty_of_their_clocks():
    """The same run on one host and on three; on one of the three only the lab itself runs."""
    hosts = {LAB: "desk", "a": "attic", "b": "cellar"}
    single_host = parse_trace(TWO_BUYERS, backend="redis", clients=2, stock=2)
    on_hosts = [dataclasses.replace(event, host=hosts[event.who], error=0.002) for event in single_host.events]
    both = [judge(single_host), judge(dataclasses.replace(single_host, backend="rq", events=tuple(on_hosts)))]
    rows = [line.split("│")[1:-1] for line in print_report(both).splitlines() if line.startswith("│")]
    at = next(number for number, (first, *_) in enumerate(rows) if first.strip() == "hosts")
    assert [[cell.strip() for cell in row] for row in rows[at : at + 3]] == [
        ["hosts", "1", "2"],
        ["", "", "attic"],
        ["", "", "cellar"],
    ]
    assert "As the hosts' clocks differ, times between hosts may be off by 4.00 ms on rq." in explain(both)
    assert "clocks" not in explain(both[:1])
    (one, two) = to_json(both)["runs"]
    assert (one["hosts"], one["host_names"], one["clock_uncertainty_s"]) == (1, ["here"], 0)
    assert (two["hosts"], two["host_names"], two["clock_uncertainty_s"]) == (2, ["attic", "cellar"], 0.004)


def print_report(results: list[Result]) -> str:
    console = Console(file=io.StringIO(), width=80)
    report(results, console)
    return console.file.getvalue()  # type: ignore[attr-defined]
