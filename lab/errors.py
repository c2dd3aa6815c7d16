"""What can go wrong in the lab, each said in one sentence."""


class LabError(Exception):
    """Root of the lab's own errors; its text is for the person at the terminal."""


class InvalidParameterError(LabError, ValueError):
    """Raised for a parameter that cannot be meant."""


class DamagedTraceError(LabError, ValueError):
    """Raised when a saved trace cannot be read; names the file and the line."""


class DamagedStoreError(LabError, ValueError):
    """Raised when the tickets' `db` does not hold what it should."""


class RunOverError(LabError):
    """Raised in an actor whose run was given up: nobody reads its trace any more."""


class StaleFenceError(LabError):
    """Raised when a store has seen a newer `fence` than the caller's: what the caller wanted was not done."""

    def __init__(self, fence: int, newest: int) -> None:
        super().__init__(fence, newest)
        self.fence = fence
        self.newest = newest

    def __str__(self) -> str:
        return f"the lease was lost: fence {self.fence} came when the store had seen fence {self.newest}"
