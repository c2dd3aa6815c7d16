"""A finding: what was looked at, how it stands, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from jobs.worker.worker import UNHEARD
from lab.doctor.facts import Clock
from lab.formatting import seconds

SKEW = 1.0  # seconds by which clocks may differ


class Grade(Enum):
    """How a finding ends."""

    OK = "ok"
    WRONG = "wrong"
    UNSEEN = "not seen"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands or what will go wrong, and how to mend it."""

    about: str
    grade: Grade
    text: str
    mend: str = ""


def ok(about: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(about, Grade.OK, text)


def wrong(about: str, text: str, mend: str) -> Finding:
    """Return what will go wrong, and how to mend it."""
    return Finding(about, Grade.WRONG, text, mend)


def unseen(about: str, command: str) -> Finding:
    """Return that this user may not see it."""
    return Finding(about, Grade.UNSEEN, f"this user may not run {command}")


def of_clock(about: str, whose: str, by: Clock) -> Finding:
    """Judge a clock; both `about` and `whose` say which."""
    if abs(by.ahead) <= by.error:
        return ok(about, f"{whose} agrees with the server's, ± {seconds(by.error)}")
    said = f"{seconds(abs(by.ahead))} {'ahead of' if by.ahead > 0 else 'behind'} the server's"
    if abs(by.ahead) - by.error > SKEW:
        return wrong(
            about,
            f"{whose} clock is {said}: RQ compares hosts' clocks, and from {UNHEARD} s on gives up jobs that run",
            "let chrony or another time service set it",
        )
    return ok(about, f"{whose} is {said}, ± {seconds(by.error)}")


def size(count: int) -> str:
    """Return a number of bytes with its unit."""
    for unit, worth in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= worth:
            return f"{count / worth:.1f} {unit}"
    return f"{count} bytes"
