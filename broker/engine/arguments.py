"""Numbers that a program passes: each kind is checked by one function, whose error says what is wrong."""

from __future__ import annotations

import math
import operator
from typing import Any, SupportsIndex

from broker.errors import ArgumentTypeError, InvalidArgumentError

MAX_COUNT = 2**31 - 1  # multiprocessing's largest semaphore; numbers in Lua are exact up to 2**53


def check_timeout(timeout: Any, what: str = "a timeout") -> float:
    """Return a timeout as a float, which may be infinite; what 0 or less means is up to the caller.

    Like multiprocessing, this takes whatever converts to a float, except text. Raises `InvalidArgumentError` for NaN.
    """
    seconds = _to_float(timeout, what)
    if math.isnan(seconds):
        raise InvalidArgumentError(f"{what} must be a number of seconds, not {timeout!r}")
    return seconds


def check_duration(duration: Any, what: str, least: float, most: float) -> float:
    """Return a duration as a float; raise `InvalidArgumentError` if it is not from `least` to `most` seconds."""
    seconds = math.nan if isinstance(duration, bool) else _to_float(duration, what)
    if not least <= seconds <= most:  # also if it is NaN
        raise InvalidArgumentError(f"{what} must be from {least:g} to {most:.0f} seconds, not {duration!r}")
    return seconds


def check_count(count: Any, what: str) -> int:
    """Return an integer; raise `InvalidArgumentError` for another number, or one that is larger than `MAX_COUNT`."""
    if isinstance(count, bool) or not isinstance(count, SupportsIndex):
        raise ArgumentTypeError(f"{what} must be an integer, not {count!r}")
    integer = operator.index(count)
    if integer > MAX_COUNT:
        raise InvalidArgumentError(f"{what} must be at most {MAX_COUNT}, not {count!r}")
    return integer


def _to_float(number: Any, what: str) -> float:
    try:
        return math.fsum((number,))  # unlike float(), it does not take text
    except OverflowError:  # an integer
        return math.inf if number > 0 else -math.inf
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(f"{what} must be a number of seconds, not {number!r}") from error
