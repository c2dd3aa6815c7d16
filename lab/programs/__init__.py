"""Somebody's own multiprocessing program, unchanged, on each backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def run_command(path: str) -> click.Command:
    """Return the command that runs the program at `path` on one backend."""
    from lab.programs import commands  # not for the program's own interpreter, which imports this package, too

    return commands.run_command(path)


def compare_command(path: str) -> click.Command:
    """Return the command that runs the program at `path` on each backend and shows what differed."""
    from lab.programs import commands

    return commands.compare_command(path)
