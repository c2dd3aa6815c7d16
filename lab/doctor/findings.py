"""Findings: what was checked, the result, and how to fix a problem."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from jobs.worker.worker import JOB_HEARTBEAT_TTL
from lab.doctor.facts import ClockOffset
from lab.formatting import format_seconds

MAX_OFFSET = 1.0  # seconds by which clocks may differ


class Status(Enum):
    """The result of a check."""

    OK = "ok"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What was checked, the result with a sentence on it, and how to fix the problem if there is one."""

    subject: str
    status: Status
    text: str
    fix: str = ""


def ok(subject: str, text: str) -> Finding:
    """Return the finding that all is well."""
    return Finding(subject, Status.OK, text)


def problem(subject: str, text: str, fix: str) -> Finding:
    """Return the finding that something is wrong, and how to fix it."""
    return Finding(subject, Status.PROBLEM, text, fix)


def not_permitted(subject: str, command: str) -> Finding:
    """Return the finding that the user lacks the permission for a command, so that nothing is known."""
    return Finding(subject, Status.UNKNOWN, f"this user may not run {command}")


def clock_finding(subject: str, owner: str, offset: ClockOffset) -> Finding:
    """Judge a clock; `owner` says whose it is, such as "this host's"."""
    if abs(offset.ahead) <= offset.error:
        return ok(subject, f"{owner} agrees with the server's, ± {format_seconds(offset.error)}")
    difference = f"{format_seconds(abs(offset.ahead))} {'ahead of' if offset.ahead > 0 else 'behind'} the server's"
    if abs(offset.ahead) - offset.error > MAX_OFFSET:
        return problem(
            subject,
            f"{owner} clock is {difference}: RQ compares the clocks of hosts, and abandons running jobs from a "
            f"difference of {JOB_HEARTBEAT_TTL} s on",
            "run chrony or another time service",
        )
    return ok(subject, f"{owner} is {difference}, ± {format_seconds(offset.error)}")


def size(count: int) -> str:
    """Return a number of bytes with its unit."""
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
