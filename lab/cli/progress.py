"""The progress bar of a command that runs something several times; on a terminal only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class ProgressBar:
    """A bar with the name of what is running."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total)

    def describe(self, description: str) -> None:
        """Say what is running now."""
        self._progress.update(self._task, description=description)

    def advance(self) -> None:
        """Count one more of the total."""
        self._progress.advance(self._task)


@contextmanager
def progress_bar(total: int) -> Iterator[ProgressBar]:
    """Show a bar on standard error, if that is a terminal, for the length of the block."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn("line"),  # in ASCII
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield ProgressBar(progress, total)
