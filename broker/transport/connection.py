"""A connection to the server over blocking sockets: it sends requests, and receives Pub/Sub messages.

redis-py's pools and retries are not used: a write may be retried only if its script is idempotent, and a blocking call
must be able to last longer than any socket timeout. What is retried, `broker/engine/requests.py` decides.
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
from typing import Any
from urllib.parse import quote

import redis

from broker.errors import ServerUnavailableError
from broker.transport.replies import may_be_reply, parse_message
from broker.transport.scripts import BoundScript, Command, pack_command
from broker.transport.server_errors import PASSING, UnexpectedReplyError, translate
from broker.transport.wire import Wire, WireFactory

GRACE = 0.1  # seconds that a request has at least, also if its deadline is nearer
MAX_SOCKET_TIMEOUT = 86400.0  # seconds; sockets accept a few weeks at most

NEVER = float("inf")  # a deadline on the monotonic clock that does not come


class _Thread(threading.local):
    """The calling thread; to ask for its id each time would be a system call."""

    def __init__(self) -> None:
        self.native_id = threading.get_native_id()


_thread = _Thread()


def _forget_threads() -> None:
    global _thread
    _thread = _Thread()


os.register_at_fork(after_in_child=_forget_threads)


def thread_id() -> int:
    """Return the native id of the calling thread."""
    return _thread.native_id


def new_client_id() -> bytes:
    """Return a unique id of something in this process that sends requests: `host/pid/process/random`."""
    # Quoted, the name has no '/', ':' or space, which separate the parts of tokens and messages.
    process = quote(multiprocessing.current_process().name, safe="", errors="replace")
    return f"{socket.gethostname()}/{os.getpid()}/{process}/{secrets.token_hex(6)}".encode()


class Clock:
    """The monotonic clock."""

    def now(self) -> float:
        """Return the time in seconds."""
        return time.monotonic()

    def sleep(self, until: float) -> None:
        """Block until then."""
        time.sleep(max(0.0, until - time.monotonic()))


class Connection(Clock):
    """A connection for requests and, from the first subscription on, a second one for messages.

    It is for one thread at a time, and reconnects when a socket breaks. A reply counts as lost after `reply_timeout`
    seconds. `channel` is the Pub/Sub channel on which its client is notified of grants.
    """

    def __init__(self, open_wire: WireFactory, reply_timeout: float) -> None:
        self.client_id = new_client_id()
        self.channel = b"broker:" + self.client_id
        self._open_wire = open_wire
        self._reply_timeout = reply_timeout
        self._request_wire: Wire | None = None
        self._message_wire: Wire | None = None
        self.is_retired = False  # whether it is not to be used by a later call
        self._closed = False
        self._channels: set[bytes] = set()
        self._request_numbers = itertools.count(1)
        self._unread_replies = 0
        self._scripts_sent: set[bytes] = set()  # hashes of scripts whose text was sent on the request wire

    @property
    def is_connected(self) -> bool:
        """Whether it has an open socket for requests, as far as it knows."""
        return self._request_wire is not None

    def disconnect(self) -> None:
        """Send the next request on a new socket."""
        self._close_request_wire()

    def retire(self) -> None:
        """Be used by no later call."""
        self.is_retired = True

    def new_token(self) -> bytes:
        """Return a unique token for a request of the calling thread: `host/pid/process/random:number/thread`."""
        return b"%b:%d/%d" % (self.client_id, next(self._request_numbers), _thread.native_id)

    def execute(self, script: BoundScript | Command, arguments: tuple[bytes, ...] = (), deadline: float = NEVER) -> Any:
        """Run a script or a command and return its reply, which counts as lost if it has not arrived by `deadline`.

        After one of redis-py's errors it is unknown whether the script ran.
        """
        try:
            reply = self._round_trip(script.pack_evalsha(*arguments), deadline)
        except redis.exceptions.NoScriptError:
            reply = self._round_trip(script.pack_eval(*arguments), deadline)
        if not may_be_reply(script, reply):
            self._close_request_wire()
            raise UnexpectedReplyError(reply)
        return reply

    def post(self, script: BoundScript, arguments: tuple[bytes, ...] = (), deadline: float = NEVER) -> None:
        """Have a script run; do not wait for its reply, which the next request on this connection discards.

        Nobody would notice that the server does not know the script's hash, so the first request sends its text.
        """
        try:
            if self._request_wire is None:
                self._request_wire = self._open(self._timeout_by(deadline))
            pack = script.pack_evalsha if script.sha in self._scripts_sent else script.pack_eval
            self._unread_replies += 1  # before sending: an interrupt must not leave a reply that is not counted
            self._request_wire.send(pack(*arguments))
            self._scripts_sent.add(script.sha)
        except redis.ConnectionError:
            self._close_request_wire()
        except BaseException:
            self._close_request_wire()
            raise

    def _round_trip(self, request: bytes, deadline: float = NEVER) -> Any:
        timeout = None if deadline == NEVER else self._timeout_by(deadline)
        try:
            if self._request_wire is None:
                self._request_wire = self._open(timeout)
            self._request_wire.send(request, timeout)
            while self._unread_replies:
                self._unread_replies -= 1
                with contextlib.suppress(redis.ResponseError):
                    self._request_wire.read(timeout)
            return self._request_wire.read(timeout)
        except PASSING:  # the address may lead to another server by then: after a failover, for instance
            self._close_request_wire()
            raise
        except redis.ResponseError:
            raise
        except BaseException:  # part of a reply may still arrive: the socket cannot be used again
            self._close_request_wire()
            raise

    def _timeout_by(self, deadline: float) -> float | None:
        if deadline == NEVER:
            return None
        # Half of what is left, so that after a lost reply there is time to ask again on a new connection.
        return max(GRACE, min((deadline - time.monotonic()) / 2, self._reply_timeout))

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
        """Subscribe to `channel`; every message that is published after the return will be received."""
        if channel in self._channels:
            return
        timeout = self._timeout_by(deadline)
        try:
            if self._message_wire is None:
                self._message_wire = self._open(timeout)
            self._message_wire.send(pack_command(b"SUBSCRIBE", channel), timeout)
            while parse_message(self._message_wire.read(timeout))[:2] != (b"subscribe", channel):
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
                kind, origin, payload = parse_message(self._message_wire.read(min(left, MAX_SOCKET_TIMEOUT)))
                if kind == b"message" and origin == channel:
                    return bytes(payload)
            return None
        except redis.TimeoutError:
            return None
        except redis.ResponseError as error:  # UNSUBSCRIBE was refused
            self._close_message_wire()
            raise translate(error) from error
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

    def _open(self, connect_timeout: float | None) -> Wire:
        if self._closed:
            raise ServerUnavailableError("the connection was closed, since its context was closed meanwhile")
        return self._open_wire(self._reply_timeout, connect_timeout)

    def close(self) -> None:
        """Close both sockets for good: a thread that uses them or waits for a message gets an error."""
        self._closed = True
        self._close_request_wire()
        self._close_message_wire()

    def close_inherited(self) -> None:
        """Close both sockets in a forked child; the parent's stay connected."""
        for wire in (self._request_wire, self._message_wire):
            if wire is not None:
                wire.close_inherited()
