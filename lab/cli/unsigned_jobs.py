"""What is said, once, where whoever can write to the Redis server could run code on the workers."""

from __future__ import annotations

import click

from jobs.exchange import signing


def warn(url: str) -> None:
    """Say so on standard error, unless jobs are sealed; raise `SecretError` for a secret that is no good."""
    if warning := signing.open_to_strangers(url):
        click.echo(warning, err=True)
