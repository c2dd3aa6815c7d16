"""What the lab has to say to the user of a program, on standard error, once in each process."""

from __future__ import annotations

import functools
import sys


@functools.cache
def say(sentence: str) -> None:
    """Print a sentence, unless it was printed already."""
    print(f"lab: {sentence}", file=sys.stderr)
