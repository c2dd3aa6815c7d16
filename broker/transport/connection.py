"""A connection to the server: it sends requests, retries them, and receives Pub/Sub messages.

redis-py's pools and retries are not used: a write may be retried only if its script is idempotent, and a blocking call
must be able to last longer than any socket timeout.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import redis

from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.transport.scripts import BoundScript, pack_command
from broker.transport.wire import Wire

RETRY_TIMEOUT = 30.0  # seconds of retries after which the server counts as unavailable
RETRY_DELAYS = (0.0, 0.01, 0.05, 0.2, 0.5)  # seconds between attempts; the last one repeats
MAX_SOCKET_TIMEOUT = 86400.0  # seconds; sockets accept a few weeks at most

NEVER = float("inf")  # a deadline on the monotonic clock that does not come

T = TypeVar("T")


class _Thread(threading.local):
    """The calling thread; to ask for its id each time would be a system call."""

    def __init__(self) -> None:
        self.native_id = threading.get_native_id()


_thread = _Thread()


def _forget_threads() -> None:
    global _thread
    _thread = _Thread()


os.register_at_fork(after_in_child=_forget_threads)


class Connection:
    """A connection for requests and, from the first subscription on, a second one for messages.

    It is for one thread at a time, and reconnects when a socket breaks. `channel` is the Pub/Sub channel on which its
    client is notified of grants.
    """

    def __init__(self, open_wire: Callable[[], Wire]) -> None:
        # Quoted, the name has no '/', ':' or space, which separate the parts of tokens and messages.
        process = quote(multiprocessing.current_process().name, safe="", errors="replace")
        self.client_id = f"{socket.gethostname()}/{os.getpid()}/{process}/{secrets.token_hex(6)}".encode()
        self.channel = b"broker:" + self.client_id
        self._open_wire = open_wire
        self._request_wire: Wire | None = None
        self._message_wire: Wire | None = None
        self._channels: set[bytes] = set()
        self._request_numbers = itertools.count(1)
        self._unread_replies = 0
        self._scripts_sent: set[bytes] = set()  # hashes of scripts whose text was sent on the request wire

    def new_token(self) -> bytes:
        """Return a unique token for a request of the calling thread: `host/pid/process/random:number/thread`."""
        return b"%b:%d/%d" % (self.client_id, next(self._request_numbers), _thread.native_id)

    def run(self, script: BoundScript, *arguments: bytes, deadline: float = NEVER) -> tuple[Any, bool]:
        """Run a script; return its reply, and whether the request was sent more than once.

        A request is sent again if its connection or its reply is lost; every script is idempotent. Raises
        `ServerUnavailableError` after `RETRY_TIMEOUT` seconds, or if an attempt fails after `deadline` (monotonic
        clock); the server may still run the script then.
        """
        try:
            return self.run_once(script, *arguments), False
        except _RETRYABLE:
            return retry(lambda: self.run_once(script, *arguments), deadline), True

    def run_once(self, script: BoundScript, *arguments: bytes) -> Any:
        """Run a script without retries; after one of redis-py's errors it is unknown whether the script ran."""
        try:
            return self._round_trip(script.pack_evalsha(*arguments))
        except redis.exceptions.NoScriptError:
            return self._round_trip(script.pack_eval(*arguments))

    def run_command(self, *parts: bytes) -> Any:
        """Run a Redis command, which must be idempotent: if its reply is lost, it is sent once more."""
        request = pack_command(*parts)
        try:
            return self._round_trip(request)
        except _RETRYABLE:
            return retry(lambda: self._round_trip(request), deadline=0.0)

    def send_without_reply(self, script: BoundScript, *arguments: bytes) -> None:
        """Send a request and do not wait for its reply; the next request on this connection discards it.

        Nobody would notice that the server does not know the script's hash, so the first request sends its text.
        """
        try:
            if self._request_wire is None:
                self._request_wire = self._open_wire()
            pack = script.pack_evalsha if script.sha in self._scripts_sent else script.pack_eval
            self._unread_replies += 1  # before sending: an interrupt must not leave a reply that is not counted
            self._request_wire.send(pack(*arguments))
            self._scripts_sent.add(script.sha)
        except redis.ConnectionError:
            self._close_request_wire()
        except BaseException:
            self._close_request_wire()
            raise

    def _round_trip(self, request: bytes) -> Any:
        try:
            if self._request_wire is None:
                self._request_wire = self._open_wire()
            self._request_wire.send(request)
            while self._unread_replies:
                self._unread_replies -= 1
                with contextlib.suppress(redis.ResponseError):
                    self._request_wire.read()
            return self._request_wire.read()
        except redis.exceptions.ReadOnlyError:  # now a replica: after a failover the address may lead to another server
            self._close_request_wire()
            raise
        except redis.ResponseError:
            raise
        except BaseException:  # part of a reply may still arrive: the socket cannot be used again
            self._close_request_wire()
            raise

    def _close_request_wire(self) -> None:
        self._unread_replies = 0
        self._scripts_sent.clear()  # the next wire may lead to a server that has restarted
        if self._request_wire is not None:
            self._request_wire.close()
            self._request_wire = None

    def is_subscribed(self, channel: bytes) -> bool:
        """Return whether this connection is subscribed to `channel`, as far as it knows."""
        return channel in self._channels

    def subscribe(self, channel: bytes, deadline: float = NEVER) -> None:
        """Subscribe to `channel`; every message that is published after the return will be received.

        Raises `ServerUnavailableError` as `run` does.
        """
        if channel not in self._channels:
            retry(lambda: self._subscribe_once(channel), deadline)

    def _subscribe_once(self, channel: bytes) -> None:
        try:
            if self._message_wire is None:
                self._message_wire = self._open_wire()
            self._message_wire.send(pack_command(b"SUBSCRIBE", channel))
            while self._message_wire.read()[:2] != [b"subscribe", channel]:
                pass
        except BaseException:
            self._close_message_wire()
            raise
        self._channels.add(channel)

    def receive(self, channel: bytes, deadline: float) -> bytes | None:
        """Return the next message on `channel`; None at `deadline` (monotonic clock), or after a day at most.

        Raises redis-py's `ConnectionError` if the connection breaks: messages may have been missed.
        """
        assert self._message_wire is not None
        try:
            while (left := deadline - time.monotonic()) > 0:
                kind, origin, payload = self._message_wire.read(min(left, MAX_SOCKET_TIMEOUT))
                if kind == b"message" and origin == channel:
                    return bytes(payload)
            return None
        except redis.TimeoutError:
            return None
        except BaseException:
            self._close_message_wire()
            raise

    def unsubscribe(self, channel: bytes) -> None:
        """End the subscription to `channel`; the next `receive` skips the server's confirmation."""
        if self._message_wire is not None and channel in self._channels:
            self._channels.discard(channel)
            try:
                self._message_wire.send(pack_command(b"UNSUBSCRIBE", channel))
            except redis.ConnectionError:
                self._close_message_wire()

    def _close_message_wire(self) -> None:
        self._channels.clear()
        if self._message_wire is not None:
            self._message_wire.close()
            self._message_wire = None

    def close(self) -> None:
        """Close both sockets."""
        self._close_request_wire()
        self._close_message_wire()

    def close_inherited(self) -> None:
        """Close both sockets in a forked child; the parent's stay connected."""
        for wire in (self._request_wire, self._message_wire):
            if wire is not None:
                wire.close_inherited()


# After these it is unknown whether the request was carried out, or the server will accept it soon.
_RETRYABLE = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ReadOnlyError)


def retry(attempt: Callable[[], T], deadline: float = NEVER) -> T:
    """Call `attempt` until it succeeds, and return its result; the request that it sends must be idempotent.

    Raises `ServerUnavailableError` after `RETRY_TIMEOUT` seconds, or if an attempt fails after `deadline` (monotonic
    clock).
    """
    started, delays = time.monotonic(), iter(RETRY_DELAYS)
    deadline = min(deadline, started + RETRY_TIMEOUT)
    while True:
        try:
            return attempt()
        except redis.exceptions.AuthenticationError as error:
            raise UnsuitableServerError(
                f"the Redis server rejected the credentials ({error}); put the right ones into the URL: "
                "redis://user:password@host"
            ) from error
        except _RETRYABLE as error:
            left = deadline - time.monotonic()
            if left <= 0:
                waited = time.monotonic() - started
                raise ServerUnavailableError(
                    f"the Redis server did not answer for {waited:.1f} s ({error}); is it running?"
                ) from error
            time.sleep(min(left, next(delays, RETRY_DELAYS[-1])))
