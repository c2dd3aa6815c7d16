"""The live view of a run, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from lab.errors import LabError
from lab.report.live import LiveRun

REFRESHES = 8  # per second


@contextmanager
def live_view(console: Console) -> Iterator[LiveRun]:
    """Show what the actors of a run are doing, below what is printed on `console`, for the length of the block.

    Raises `LabError` if the console is not a terminal.
    """
    if not console.is_terminal:
        raise LabError("--watch needs a terminal; leave it out where the output goes to a file or a pipe")
    view = LiveRun()
    with Live(view, console=console, refresh_per_second=REFRESHES, transient=True):
        yield view
