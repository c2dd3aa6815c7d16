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
