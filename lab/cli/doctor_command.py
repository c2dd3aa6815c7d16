"""The command `lab doctor`. Exit status: 0 no problem, 1 a problem, 2 it could not check."""

from __future__ import annotations

import json
from collections.abc import Sequence
from gettext import gettext as _

import click
import redis
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from broker.transport.address import without_password
from jobs.exchange.signing import SecretError
from jobs.exchange.worker_list import list_workers
from lab.cli.localized import command, option
from lab.cli.server import require_url, worker_options
from lab.doctor.findings import Finding, Status
from lab.doctor.probes import probe_workers, versions_here
from lab.doctor.server_facts import inspect_server
from lab.doctor.server_findings import secret_finding, server_findings
from lab.doctor.worker_findings import WORKERS, worker_findings
from lab.language import N_
from lab.wrapping import WrappedText

STYLES = {Status.OK: "green", Status.PROBLEM: "bold red", Status.UNKNOWN: "yellow"}


@worker_options
@command(short_help=N_("Check a Redis server and its workers."))
@option("--json", "as_json", is_flag=True, help=N_("Print JSON."))
def doctor(url: str | None, queue: str, as_json: bool) -> int:
    """Check a Redis server and its workers, and say what is wrong and how to fix it.

    Exit status: 0 no problem, 1 a problem, 2 it could not check.
    """
    url = require_url(url)
    facts = inspect_server(url)
    secret = secret_finding(facts.local)
    findings = [*server_findings(facts), secret, *_worker_findings(url, queue)]
    if as_json:
        click.echo(json.dumps([finding.figures() for finding in findings], indent=2))
    else:
        console = Console()
        console.print(Text(_("queue {queue} at {url}").format(queue=queue, url=without_password(url)), style="bold"))
        console.print(findings_table(findings))
    return int(any(finding.status is Status.PROBLEM for finding in findings))


def _worker_findings(url: str, queue: str) -> list[Finding]:
    try:
        workers = list_workers(url, queue)
        return worker_findings(workers, probe_workers(url, queue, workers), versions_here())
    except SecretError:
        return [Finding(WORKERS, Status.UNKNOWN, _("not probed, as a probe would have to be signed"))]
    except redis.exceptions.NoPermissionError as error:
        text = _("this user may not list them ({error})").format(error=error)
        return [Finding(WORKERS, Status.UNKNOWN, text)]


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return a table of findings."""
    table = Table(show_header=False)
    for finding in findings:
        lines = [WrappedText(finding.text)]
        if finding.fix:
            lines.append(WrappedText(_("fix: {fix}").format(fix=finding.fix), "bold"))
        status = Text(_(finding.status.value), style=STYLES[finding.status])
        table.add_row(status, Text(finding.title()), Group(*lines))
    return table
