"""redis-py's connection for an actor: each request and each wait goes through the actor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from redis import TimeoutError as RedisTimeoutError
from redis.connection import UnixDomainSocketConnection

from lab.learn.requests import FOREVER, Request, without_timeout


class Client(Protocol):
    """Whoever uses a connection."""

    def before_request(self) -> None:
        """Return when the next request may be sent."""

    def with_time(self, request: Request) -> Request:
        """Return a request that reads the virtual time."""

    def wait(self, seconds: float, readable: Callable[[], bool]) -> bool:
        """Wait until there is something to read, or the time is over; return whether there is."""

    def unblock(self, client_id: int) -> None:
        """End the request that blocks this client of the server."""

    def loses_reply(self, request: Request) -> bool:
        """Return whether the reply to this request is lost."""

    def receive(self, request: Request | None, reply: object) -> None:
        """Learn of a reply, or of a message, which no request has caused."""


class ActorConnection(UnixDomainSocketConnection):
    """A connection whose requests are recorded, and delayed or lost by the user's fault.

    A request that blocks, and the wait for a message, take virtual time: the user waits until there is something to
    read, or the time is over.
    """

    def __init__(self, *args: Any, user: Client, **more: Any) -> None:
        self._user = user
        self._requests: list[Request] = []  # without a reply yet
        self._timeout: float | None = None  # of a request that blocks
        self._handshake = False
        self._client_id = 0
        super().__init__(*args, **more)

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Greet the server; this is no request of the learner's."""
        self._handshake = True
        try:
            super().on_connect_check_health(check_health)
            super().send_command("CLIENT", "ID")
            self._client_id = super().read_response()
        finally:
            self._handshake = False

    def send_command(self, *args: Any, **more: Any) -> None:
        """Send a request when its user may."""
        super().send_command(*self._prepare(args), **more)

    def pack_commands(self, commands: Any) -> Any:
        """Pack the requests of a pipeline, which are sent at once."""
        return super().pack_commands([self._prepare(each, first=place == 0) for place, each in enumerate(commands)])

    def can_read(self, timeout: float = 0) -> bool:
        """Return whether there is something to read, within `timeout` seconds of virtual time."""
        if timeout and not super().can_read(0):
            self._user.wait(timeout, self._has_data)
        return super().can_read(0)

    def read_response(self, *args: Any, **more: Any) -> Any:
        """Read a reply or a message when there is one; lose it if that is the user's fault."""
        if self._handshake:
            return super().read_response(*args, **more)
        if more.get("push_request") and more.get("timeout") is None:
            self._user.wait(FOREVER, self._has_data)
        elif self._timeout is not None:
            timeout, self._timeout = self._timeout, None
            if not self._user.wait(timeout, self._has_data):
                self._user.unblock(self._client_id)
        request = self._requests.pop(0) if self._requests else None
        try:
            reply = super().read_response(*args, **more)
        except Exception as error:
            self._user.receive(request, error)
            raise
        if request is not None and self._user.loses_reply(request):
            self.disconnect()
            self._requests.clear()
            raise RedisTimeoutError("Timeout reading from the server")
        self._user.receive(request, reply)
        return reply

    def _prepare(self, request: Request, first: bool = True) -> Request:
        if self._handshake:
            return request
        if first:
            self._user.before_request()
        self._requests.append(request)
        blocking, self._timeout = without_timeout(self._user.with_time(request))
        return blocking

    def _has_data(self) -> bool:
        return super().can_read(0)
