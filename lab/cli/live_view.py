"""The live view of a run, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from gettext import gettext as _

import click
from rich.console import Console
from rich.live import Live

from lab.report.live import LiveRun

REFRESHES = 8  # per second


@contextmanager
def live_view(console: Console) -> Iterator[LiveRun]:
    """Show what the actors of a run are doing, below what is printed on `console`, for the length of the block.

    If the console is no terminal, a line on standard error says that nothing is shown.
    """
    view = LiveRun()
    if not console.is_terminal:
        click.echo("lab: " + _("--watch shows nothing, since this is no terminal"), err=True)
        yield view
        return
    with Live(view, console=console, refresh_per_second=REFRESHES, transient=True):
        yield view
