"""What happened in a simulation, in order; the checks are functions of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.simulation.server import Message


@dataclass(slots=True)
class Call:
    """A step of a call by a simulated process: `invoked`, then `succeeded`, `failed` or, if that is all, `unknown`."""

    time: float
    process: int
    number: int  # of the call
    call: str
    status: str
    value: Any = None
    token: bytes | None = None  # of the lease that is released, or the client, whose tokens begin with it


@dataclass(slots=True)
class Ran:
    """A script ran on the server."""

    time: float
    process: int
    server_time: int
    script: str
    token: bytes
    arguments: tuple[bytes, ...]  # after the token
    reply: Any
    messages: list[Message]
    delivered: bool = False  # whether the reply has arrived
    events: Any = None  # what follows from it; the first check that asks computes this for all, see server_events.py
    state: Any = None  # what is on the server then, if checks ask for that, see states.py


@dataclass(slots=True)
class Held:
    """The leases of which living processes were certain at this moment: process, token, fence, deadline."""

    time: float
    server_time: int
    leases: list[tuple[int, bytes, int, float]]


@dataclass(slots=True)
class Happened:
    """A fault; `process` is the one that it concerns, if any."""

    time: float
    kind: str
    process: int | None = None
    duration: float = 0.0


@dataclass(slots=True)
class Ended:
    """The simulation has ended: nobody uses the primitive any more, and all leases have expired."""

    time: float
    value: Any  # how many permits are free, or what is left
    waiters: int
    holders: int
    stuck: list[str]  # calls that have not returned


Entry = Call | Ran | Held | Happened | Ended
