"""The implementations that are compared: an adapter for each, and the list of them.

Each library is set up as its documentation says: with a lease of `LEASE` seconds where it supports one, and without its
optional renewal thread, which is the fastest setting. The broker and redis-fifo-lock renew.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import uuid
from typing import Any, Protocol
from urllib.parse import urlsplit

import portalocker
import redis
import redis.asyncio
import redis_lock
import walrus
from lithops import multiprocessing as lithops
from pottery import Redlock
from redis_fifo_lock import FifoLock

import broker
from bench.asyncio_lock import AsyncioLock
from bench.server import Server
from bench.workers import CONTEXT

LEASE = 10  # seconds
PATIENCE = 3600  # seconds; portalocker has no wait without a timeout


class Lock(Protocol):
    """A lock, as one thread uses it."""

    def acquire(self) -> object:
        """Wait for the lock and hold it."""

    def release(self) -> object:
        """Release the lock."""


class Implementation(Protocol):
    """A primitive that several processes share; it is pickled for each of them."""

    name: str

    def connect(self) -> Any:
        """Return the primitive for the calling thread alone, with its own connections."""


class _Named:
    def __init__(self, url: str) -> None:
        self._url = url
        self._key = uuid.uuid4().hex


class Broker(_Named):
    """The primitives of this project; `kind` is the name of one of multiprocessing's, which has these arguments."""

    def __init__(self, url: str, kind: str, *arguments: Any, name: str = "broker") -> None:
        super().__init__(url)
        self.name = name
        self._kind = kind
        self._arguments = arguments

    def connect(self) -> Any:
        """Return a handle; the threads of a process share connections."""
        return getattr(broker.get_context(self._url), self._kind)(*self._arguments, name=self._key)


class RedisPy(_Named):
    """redis-py's lock: SET NX, repeated every 0.1 s."""

    name = "redis-py"

    def connect(self) -> Any:
        """Return a lock with its own client."""
        return redis.Redis.from_url(self._url).lock(self._key, timeout=LEASE)


class PythonRedisLock(_Named):
    """python-redis-lock: SET NX, after a BLPOP if it has to wait."""

    name = "python-redis-lock"

    def connect(self) -> Any:
        """Return a lock with its own client."""
        return redis_lock.Lock(redis.Redis.from_url(self._url), self._key, expire=LEASE)


class Walrus(_Named):
    """walrus: a script, after a BLPOP if it has to wait."""

    name = "walrus"

    def connect(self) -> Any:
        """Return a lock with its own client."""
        return walrus.Database.from_url(self._url).lock(self._key, ttl=LEASE * 1000)


class Pottery(_Named):
    """pottery's Redlock with one master: SET NX, repeated after a random pause of at most 0.2 s."""

    name = "pottery"

    def connect(self) -> Any:
        """Return a lock with its own client."""
        return Redlock(key=self._key, masters={redis.Redis.from_url(self._url)}, auto_release_time=LEASE)


class Portalocker(_Named):
    """portalocker's RedisLock: a subscription to a channel is the lock; who waits asks the channel every 0.25 s."""

    name = "portalocker"

    def connect(self) -> Any:
        """Return a lock with its own client."""
        client = redis.Redis.from_url(self._url, **portalocker.RedisLock.DEFAULT_REDIS_KWARGS)
        return portalocker.RedisLock(self._key, client, timeout=PATIENCE)


class AsyncioImplementation(_Named):
    """An implementation for asyncio: `connect` returns an `AsyncioLock`, for all tasks of a process."""


class RedisFifoLock(AsyncioImplementation):
    """redis-fifo-lock: a queue on the server, and a BLPOP for the grant."""

    name = "redis-fifo-lock"

    def connect(self) -> AsyncioLock:
        """Return a lock with its own event loop and client."""
        return AsyncioLock(lambda: FifoLock(redis.asyncio.Redis.from_url(self._url), self._key, lease_ms=LEASE * 1000))


class Lithops:
    """lithops' multiprocessing with its Redis backend: BLPOP, and no lease."""

    name = "lithops"

    def __init__(self, url: str, kind: str, *arguments: Any) -> None:
        address = urlsplit(url)
        redis_section = {"host": address.hostname, "port": address.port}
        os.environ["LITHOPS_CONFIG"] = json.dumps({"redis": redis_section})
        self._primitive = getattr(lithops, kind)(*arguments)

    def connect(self) -> Any:
        """Return a copy, as another process would get: it does not record owners by thread."""
        return pickle.loads(pickle.dumps(self._primitive))


class Multiprocessing:
    """The standard library's primitives, in shared memory of one machine."""

    name = "multiprocessing"

    def __init__(self, kind: str, *arguments: Any) -> None:
        self._primitive = getattr(CONTEXT, kind)(*arguments)

    def connect(self) -> Any:
        """Return the primitive that the process inherited."""
        return self._primitive


class Manager:
    """A primitive in the process of multiprocessing's SyncManager, over TCP: no lease."""

    name = "SyncManager"

    def __init__(self, server: Server, kind: str, *arguments: Any) -> None:
        self._proxy = getattr(server.manager, kind)(*arguments)

    def connect(self) -> Any:
        """Return the proxy, which has a connection for each thread."""
        return self._proxy


class RawConnection:
    """A bare socket."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, command: bytes) -> bytes:
        """Send a request and return the reply, which must fit into one packet."""
        self._socket.sendall(command)
        return self.read()

    def read(self) -> bytes:
        """Wait for a message."""
        return self._socket.recv(4096)


class RawRoundTrips:
    """The limit for a lock that needs two requests; it excludes nobody."""

    name = "two raw round trips"

    def __init__(self, url: str) -> None:
        self._url = url

    def connect(self) -> Any:
        """Return an object that makes one round trip for each call."""
        return _PingLock(self._url)


class _PingLock:
    _PING = b"*1\r\n$4\r\nPING\r\n"

    def __init__(self, url: str) -> None:
        self._connection = RawConnection(url)

    def acquire(self) -> object:
        return self._connection.request(self._PING)

    release = acquire


def locks(server: Server) -> list[Implementation]:
    """Return new locks of all implementations, on the servers of a run."""
    url = server.url
    return [
        Broker(url, "Lock"),
        RedisPy(url),
        PythonRedisLock(url),
        Walrus(url),
        Pottery(url),
        Portalocker(url),
        RedisFifoLock(url),
        Lithops(url, "Lock"),
        Manager(server, "Lock"),
        Multiprocessing("Lock"),
    ]


def implementations_of(url: str, kind: str, *arguments: Any) -> list[Implementation]:
    """Return new primitives of those implementations that have multiprocessing's `kind`, with its arguments."""
    return [Broker(url, kind, *arguments), Lithops(url, kind, *arguments), Multiprocessing(kind, *arguments)]
