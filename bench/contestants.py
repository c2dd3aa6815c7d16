"""Who takes part: one adapter each, and the list of them.

Every peer is set up as its documentation says, with a lease of `LEASE` seconds where it has one and without a renewal
thread where it offers one, which is the cheapest it can be; the broker renews.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import uuid
from typing import Any, Protocol
from urllib.parse import urlsplit

import redis
import redis_lock
import walrus
from lithops import multiprocessing as lithops
from pottery import Redlock

import broker
from bench.crew import CONTEXT

LEASE = 10  # seconds


class Lock(Protocol):
    """What a thread takes and gives back."""

    def acquire(self) -> object:
        """Wait until it is free, and hold it."""

    def release(self) -> object:
        """Give it back."""


class Contestant(Protocol):
    """A primitive that several processes share; it is sent to each of them."""

    name: str

    def connect(self) -> Any:
        """Return it for the calling thread alone, with connections of its own."""


class _Named:
    def __init__(self, url: str) -> None:
        self._url = url
        self._key = uuid.uuid4().hex


class Broker(_Named):
    """The project's own; `kind` is the name of one of multiprocessing's primitives."""

    name = "broker"

    def __init__(self, url: str, kind: str) -> None:
        super().__init__(url)
        self._kind = kind

    def connect(self) -> Any:
        """Return a handle; the threads of a process share its connections."""
        return getattr(broker.get_context(self._url), self._kind)(name=self._key)


class RedisPy(_Named):
    """redis-py's own lock: SET NX, asked again every 0.1 s."""

    name = "redis-py"

    def connect(self) -> Any:
        """Return a lock on a client of its own."""
        return redis.Redis.from_url(self._url).lock(self._key, timeout=LEASE)


class PythonRedisLock(_Named):
    """python-redis-lock: SET NX, after a BLPOP where it has to wait."""

    name = "python-redis-lock"

    def connect(self) -> Any:
        """Return a lock on a client of its own."""
        return redis_lock.Lock(redis.Redis.from_url(self._url), self._key, expire=LEASE)


class Walrus(_Named):
    """walrus: a script, after a BLPOP where it has to wait."""

    name = "walrus"

    def connect(self) -> Any:
        """Return a lock on a client of its own."""
        return walrus.Database.from_url(self._url).lock(self._key, ttl=LEASE * 1000)


class Pottery(_Named):
    """pottery's Redlock with one master: SET NX, asked again after a random pause of at most 0.2 s."""

    name = "pottery"

    def connect(self) -> Any:
        """Return a lock on a client of its own."""
        return Redlock(key=self._key, masters={redis.Redis.from_url(self._url)}, auto_release_time=LEASE)


class Lithops:
    """lithops' multiprocessing with its Redis backend: BLPOP, and no lease."""

    name = "lithops"

    def __init__(self, url: str, kind: str) -> None:
        address = urlsplit(url)
        redis_section = {"host": address.hostname, "port": address.port}
        os.environ["LITHOPS_CONFIG"] = json.dumps({"redis": redis_section})
        self._primitive = getattr(lithops, kind)()

    def connect(self) -> Any:
        """Return a copy, as another process would get: its notes of who owns it are not made for threads."""
        return pickle.loads(pickle.dumps(self._primitive))


class Multiprocessing:
    """The standard library's, in shared memory of one machine."""

    name = "multiprocessing"

    def __init__(self, kind: str) -> None:
        self._primitive = getattr(CONTEXT, kind)()

    def connect(self) -> Any:
        """Return the one that the process inherited."""
        return self._primitive


class RawConnection:
    """A socket and nothing around it."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the reply, which must fit into one packet."""
        self._socket.sendall(request)
        return self.read()

    def read(self) -> bytes:
        """Wait for a message."""
        return self._socket.recv(4096)


class RawRoundTrips:
    """The limit of whatever must ask a server twice; excludes nobody."""

    name = "two raw round trips"

    def __init__(self, url: str) -> None:
        self._url = url

    def connect(self) -> Any:
        """Return what makes one round trip for each call."""
        return _Pinging(self._url)


class _Pinging:
    _PING = b"*1\r\n$4\r\nPING\r\n"

    def __init__(self, url: str) -> None:
        self._connection = RawConnection(url)

    def acquire(self) -> object:
        return self._connection.ask(self._PING)

    release = acquire


def locks(url: str) -> list[Contestant]:
    """Return every lock of the comparison, new on the server at `url`."""
    return [
        Broker(url, "Lock"),
        RedisPy(url),
        PythonRedisLock(url),
        Walrus(url),
        Pottery(url),
        Lithops(url, "Lock"),
        Multiprocessing("Lock"),
    ]


def of_kind(url: str, kind: str) -> list[Contestant]:
    """Return the contestants that have multiprocessing's `kind`."""
    return [Broker(url, kind), Lithops(url, kind), Multiprocessing(kind)]
