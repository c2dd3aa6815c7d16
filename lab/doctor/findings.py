"""Findings: what was checked, the result, and how to fix a problem."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from gettext import gettext as _
from gettext import ngettext

from jobs.worker.worker import JOB_HEARTBEAT_TTL
from lab.doctor.facts import ClockOffset
from lab.formatting import format_seconds
from lab.language import N_

MAX_OFFSET = 1.0  # seconds by which clocks may differ


class Status(Enum):
    """The result of a check."""

    OK = N_("ok")
    PROBLEM = N_("problem")
    UNKNOWN = N_("unknown")


@dataclass(frozen=True)
class Finding:
    """What was checked, the result with a sentence on it, and how to fix the problem if there is one.

    The subject is in English, and may contain the field `{name}`: of which worker or host.
    """

    subject: str
    status: Status
    text: str
    fix: str = ""
    name: str = ""

    def title(self) -> str:
        """Return the subject in the language of the output."""
        return _(self.subject).format(name=self.name)

    def figures(self) -> dict[str, str]:
        """Return the finding for programs: the subject and the status are English."""
        subject = self.subject.format(name=self.name)
        return {"subject": subject, "status": self.status.value, "text": self.text, "fix": self.fix}


def ok(subject: str, text: str, name: str = "") -> Finding:
    """Return the finding that all is well."""
    return Finding(subject, Status.OK, text, name=name)


def problem(subject: str, text: str, fix: str, name: str = "") -> Finding:
    """Return the finding that something is wrong, and how to fix it."""
    return Finding(subject, Status.PROBLEM, text, fix, name)


def not_permitted(subject: str, command: str) -> Finding:
    """Return the finding that the user lacks the permission for a command, so that nothing is known."""
    return Finding(subject, Status.UNKNOWN, _("this user may not run {command}").format(command=command))


def wrong_clock(subject: str, offset: ClockOffset, ahead: str, behind: str, name: str = "") -> Finding | None:
    """Return the finding that a clock is wrong, in one of these sentences; None if it is not, or may not be."""
    if abs(offset.ahead) - offset.error <= MAX_OFFSET:
        return None
    difference = format_seconds(abs(offset.ahead))
    text = _(ahead if offset.ahead > 0 else behind).format(difference=difference, limit=JOB_HEARTBEAT_TTL)
    return problem(subject, text, _("run chrony or another time service"), name)


def size(count: int) -> str:
    """Return a number of bytes with its unit."""
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return ngettext("{count} byte", "{count} bytes", count).format(count=count)
