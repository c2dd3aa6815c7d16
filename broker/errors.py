"""The exceptions: each is a `BrokerError` and, where one fits, also a standard exception."""

import threading


class BrokerError(Exception):
    """Base class of the broker's exceptions."""


class NotHeldError(BrokerError, ValueError, RuntimeError):
    """Raised when a process releases what it does not hold.

    Then multiprocessing's locks raise `ValueError`, and threading's, asyncio's and a manager's `RuntimeError`.
    """


class NotOwnedError(NotHeldError, AssertionError):
    """Raised when a thread uses a lock that it does not hold, where multiprocessing raises `AssertionError`."""


class LeaseLostError(NotHeldError):
    """Raised when a lease expired before its holder released it: another process may have acquired it since."""


class BrokenBarrierError(BrokerError, threading.BrokenBarrierError):
    """Raised in all parties of a barrier that is broken or reset."""


class InvalidArgumentError(BrokerError, ValueError):
    """Raised for an invalid name, URL, value, timeout, lease or interval."""


class ArgumentTypeError(InvalidArgumentError, TypeError):
    """Raised for an argument that is not a number where one is needed."""


class UnsupportedError(BrokerError, NotImplementedError):
    """Raised for what multiprocessing has and the broker does not: a type, an argument, or use by another class."""


class MismatchError(BrokerError, ValueError):
    """Raised when a name is in use with other options (a start value, size, type …), or by another program."""


class ServerUnavailableError(BrokerError, ConnectionError):
    """Raised when the server cannot be reached, or has not answered while a call was retried."""


class UnsuitableServerError(BrokerError):
    """Raised when what answers cannot be used: its credentials, permissions, version or configuration do not fit."""


class DataLostError(BrokerError):
    """Raised when a value, an array or a managed container is no longer on the server: lost, or deleted."""


class ManagerLostError(BrokerError, EOFError, ConnectionError):
    """Raised when the process that holds a manager's objects has ended, or is not there."""
