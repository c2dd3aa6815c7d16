"""The warning that the workers accept unsigned jobs."""

from __future__ import annotations

import click

from jobs.exchange import signing


def warn(url: str) -> None:
    """Print the warning to standard error if it applies; raise `SecretError` for a secret that cannot be used."""
    if warning := signing.unsigned_jobs_warning(url):
        click.echo(warning, err=True)
