"""Warnings for the user of a program, on standard error, each once per process."""

from __future__ import annotations

import functools
import sys


@functools.cache
def warn_once(sentence: str) -> None:
    """Print a sentence, unless this process has printed it before."""
    print(f"lab: {sentence}", file=sys.stderr)
