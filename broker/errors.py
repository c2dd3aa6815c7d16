"""What can go wrong, in one family: every error is a `BrokerError` and, where one fits, a standard error too."""


class BrokerError(Exception):
    """Root of the family; catch it to catch whatever the broker raises."""


class NotHeldError(BrokerError, ValueError):
    """Raised when something is released that this process does not hold."""


class LeaseLostError(NotHeldError):
    """Raised when a lease ended before its holder released: somebody else may have been let in meanwhile."""


class InvalidArgumentError(BrokerError, ValueError):
    """Raised for a name, URL, value or lease that cannot be meant."""


class UnsupportedError(BrokerError, NotImplementedError):
    """Raised for a primitive of multiprocessing's that has no twin yet."""


class MismatchError(BrokerError, ValueError):
    """Raised when a name is already in use with another start value."""


class ServerUnavailableError(BrokerError, ConnectionError):
    """Raised when the server cannot be reached, or did not answer for longer than calls are repeated."""


class UnsuitableServerError(BrokerError):
    """Raised when a server answers but cannot keep the promises: password, version, eviction, permissions."""
