"""The lab's own errors; each message is one sentence."""

from gettext import gettext as _


class LabError(Exception):
    """Base class of the lab's own errors; its text is for the user at the terminal."""


class InterruptedRunError(LabError):
    """Raised when a signal has ended a run; its cause is the `KeyboardInterrupt`."""

    def __init__(self) -> None:
        super().__init__(_("interrupted; all processes of the run were ended, and nothing was written"))


class InvalidParameterError(LabError, ValueError):
    """Raised for a parameter that is out of range, of the wrong type, or unknown."""


class InvalidTraceError(LabError, ValueError):
    """Raised when a saved trace cannot be read; names the file and the line."""


class CorruptStoreError(LabError, ValueError):
    """Raised when the tickets' `db` does not contain a valid number."""


class RunEndedError(LabError):
    """Raised in an actor whose run has been abandoned: nobody reads its trace any more."""


class StaleFenceError(LabError):
    """Raised when a store has seen a newer `fence` than the caller's; the operation was not performed."""

    def __init__(self, fence: int, newest: int) -> None:
        super().__init__(fence, newest)
        self.fence = fence
        self.newest = newest

    def __str__(self) -> str:
        return f"the lease was lost: fence {self.fence} is older than fence {self.newest}, which the store has seen"
