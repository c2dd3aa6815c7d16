"""Handles for tasks of an event loop: each drives the rules of the blocking class of the same name."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import redis

from broker.aio.session import Session, get_session
from broker.engine import handle
from broker.engine.operations import Client, Steps
from broker.engine.requests import ask, run
from broker.transport.scripts import BoundScript

B = TypeVar("B", bound=handle.Handle)
H = TypeVar("H", bound="Handle[Any]")
T = TypeVar("T")


class Owner(Protocol):
    """Gives a new primitive its server, and deletes the primitive if it has no name; `broker.aio.Context` is one."""

    def url_for(self, name: str | None) -> str:
        """Return the server's URL; raise `InvalidArgumentError` for a name that other processes could not use."""

    def own(self, primitive: Handle[Any], name: str | None) -> None:
        """Register a new primitive; one without a name is deleted when its owner is closed."""


class Handle(Generic[B]):
    """What all primitives share: a name, and the running loop's session at its server."""

    _blocking_class: ClassVar[type[Any]]

    def __init__(self, name: str | None, context: Owner, **options: Any) -> None:
        url = context.url_for(name)
        self._blocking: B = self._blocking_class.at(url, uuid.uuid4().hex if name is None else name, **options)
        context.own(self, name)

    @classmethod
    def of(cls: type[H], blocking: B) -> H:
        """Return a handle for the same primitive as `blocking`, of the class of this name in `broker` or a subclass."""
        kind = cls._blocking_class
        if not isinstance(blocking, kind) or blocking._kind != kind._kind:
            raise TypeError(f"a {kind.__name__} of broker is needed, not {blocking!r}")
        made = cls.__new__(cls)
        made._blocking = blocking
        return made

    @property
    def blocking(self) -> B:
        """A handle for the same primitive for threads and other processes, of the class of this name in `broker`."""
        return self._blocking

    @property
    def name(self) -> str:
        """The name, which is the same in every process that uses the primitive."""
        return self._blocking.name

    async def delete(self) -> None:
        """Delete the primitive from the server; a process that still uses it starts with a new one.

        Raises `ServerUnavailableError` if the server cannot be reached.
        """
        script = self._blocking.deletion
        await self._drive(lambda client: run(client, script, client.new_token(), deadline=0.0))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).of, (self._blocking,)

    def __repr__(self) -> str:
        return f"<{type(self).__module__.split('.')[1]}.{type(self).__name__} {self.name!r}>"

    def _get_session(self) -> Session:
        return get_session(self._blocking._url)

    async def _run(self, script: BoundScript) -> Any:
        """Run a script whose only argument is a new token, and return its reply."""
        reply, _ = await self._drive(lambda client: run(client, script, client.new_token()))
        return reply

    async def _ask(self, parse: Callable[[Any], T], script: BoundScript) -> T:
        """Run a script whose only argument is a new token, and return what `parse` makes of its reply."""
        return await self._drive(lambda client: ask(client, parse, script, client.new_token()))

    async def _drive(self, steps: Callable[[Client], Steps[T]], to_end: bool = False) -> T:
        """Drive the steps that are made for a client of the running loop's session; see `Session.run_to_end`."""
        session = self._get_session()
        try:
            return await (session.run_to_end if to_end else session.run)(steps)
        except redis.ResponseError as error:
            raise self._blocking._translate_error(error) from error
