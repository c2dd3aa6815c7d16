"""The command `lab doctor`. Exit status: 0 all is well, 1 something would go wrong, 2 could not look."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
import redis
from rich.console import Console
from rich.table import Table
from rich.text import Text

from broker.transport.address import without_password
from jobs.exchange.worker_list import list_workers
from lab.cli.worker_commands import require_url, server_options
from lab.doctor.finding import Finding, Grade
from lab.doctor.server_facts import examine_server
from lab.doctor.server_findings import of_server
from lab.doctor.worker_facts import examine_workers, versions_here
from lab.doctor.worker_findings import of_workers

STYLES = {Grade.OK: "green", Grade.WRONG: "bold red", Grade.UNSEEN: "yellow"}


@server_options
@click.command()
@click.option("--json", "as_json", is_flag=True, help="for programs")
def doctor(url: str | None, queue: str, as_json: bool) -> int:
    """Look at a Redis server and its workers, and say what would go wrong, and how to mend it."""
    url = require_url(url)
    findings = of_server(examine_server(url)) + _of_workers(url, queue)
    if as_json:
        click.echo(json.dumps([vars(finding) | {"grade": finding.grade.value} for finding in findings], indent=2))
    else:
        console = Console()
        console.print(Text(f"queue {queue} at {without_password(url)}", style="bold"))
        console.print(_table(findings))
    return int(any(finding.grade is Grade.WRONG for finding in findings))


def _of_workers(url: str, queue: str) -> list[Finding]:
    try:
        seen = list_workers(url, queue)
        return of_workers(seen, examine_workers(url, queue, seen), versions_here())
    except redis.exceptions.NoPermissionError as error:
        return [Finding("workers", Grade.UNSEEN, f"this user may not look for them ({error})")]


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(show_header=False)
    for finding in findings:
        text = Text(finding.text)
        if finding.mend:
            text.append(f"\nmend it: {finding.mend}", style="bold")
        table.add_row(Text(finding.grade.value, style=STYLES[finding.grade]), Text(finding.about), text)
    return table
