"""Why a learner's version could not be judged."""

from __future__ import annotations

from gettext import gettext as _

from lab.errors import LabError

FILE_NAME = "<version>"  # of the learner's file, in tracebacks


class UnjudgedError(LabError):
    """Raised if a learner's version cannot be judged: it does not load, raises, or does not end. One sentence."""


class Killed(BaseException):
    """Raised in an actor that the lab has killed, at its next request and at each later one."""


def describe_error(error: BaseException) -> str:
    """Return an exception's type and message, with the line of the learner's file that raised it."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE_NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    text = str(error).splitlines()
    what = f"{type(error).__name__}{': ' + text[0] if text else ''}"
    return _("{error} in line {line}").format(error=what, line=line) if line else what
