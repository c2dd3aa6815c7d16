"""Addresses of managers: names on a server, in the place of ports."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

from broker.engine.owner import Owner
from broker.errors import ArgumentTypeError
from broker.locks.lock import Lock
from broker.messages.pipe import PipeConnection
from broker.messages.pipe_ends import Inbox

LEASE = 5.0  # seconds after which the name of a killed process is free


@dataclass(frozen=True)
class ManagerAddress:
    """The name on a server under which clients reach the process of a manager."""

    url: str = field(repr=False)  # it may contain a password
    name: str
    end_type: type[PipeConnection] = field(repr=False)
    given: Any = field(default=None, compare=False)  # as a program has given it; a port of 0 is replaced

    def __str__(self) -> str:
        return repr(self.name if self.given is None else self.given)

    def lock(self) -> Lock:
        """Return the lock that the serving process holds."""
        return Lock.at(self.url, f"manager:{self.name}", lease=LEASE)

    def requests(self) -> Inbox:
        """Return the queue of those that want to be connected."""
        return self.end_type._inbox_type.at(self.url, f"manager:{self.name}")


def manager_address(address: Any, owner: Owner, end_type: type[PipeConnection]) -> ManagerAddress:
    """Return what multiprocessing's `address` stands for: (host, port) for the port, text for itself, None for new.

    Raises `InvalidArgumentError` for an address on a private server, which other programs could not reach.
    """
    if isinstance(address, ManagerAddress):
        return address
    if address is None:
        return ManagerAddress(owner.url_for(None), uuid.uuid4().hex, end_type)
    if isinstance(address, str):
        return ManagerAddress(owner.url_for(address), address, end_type, address)
    if not (isinstance(address, tuple) and len(address) == 2 and isinstance(address[1], int)):
        raise ArgumentTypeError(f"the address of a manager is a name, or (host, port), not {address!r}")
    host, port = address[0], address[1] or random.randint(2**15, 2**16 - 1)  # noqa: S311 - a name, not a secret
    name = f"port {port}"
    return ManagerAddress(owner.url_for(name), name, end_type, (host, port))
