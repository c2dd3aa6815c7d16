"""Handles: a primitive is a name on a server, and any process finds it again by that name."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, TypeVar

import redis

from broker.engine.owner import Owner, default_owner
from broker.engine.session import Session, session
from broker.errors import BrokerError, InvalidArgumentError, MismatchError
from broker.transport.connection import NEVER, Connection
from broker.transport.scripts import BoundScript

H = TypeVar("H", bound="Handle")


class Handle:
    """What all primitives share: a name, the keys behind it, and this process's session with the server."""

    _kind: ClassVar[str]
    _parts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str | None = None, *, context: Owner | None = None, **options: Any) -> None:
        owner = default_owner() if context is None else context
        self._bind(owner.url_for(name), uuid.uuid4().hex if name is None else name, options)
        owner.own(self, name)

    @classmethod
    def at(cls: type[H], url: str, name: str, **options: Any) -> H:
        """Return the handle of that name at the server, with no context that owns it; it asks nobody."""
        handle = cls.__new__(cls)
        handle._bind(url, name, options)
        return handle

    def _bind(self, url: str, name: str, options: dict[str, Any]) -> None:
        self.name = check_name(name)
        self._url = url
        self._options = options
        self._session: Session | None = None
        self._key = f"broker:{{{self._kind}:{name}}}".encode()  # braces: all keys of one name share a hash slot
        self._keys = (self._key, *(self._key + f":{part}".encode() for part in self._parts))
        self._configure(**options)
        self._attributes = frozenset(vars(self))

    def _configure(self, *args: Any, **options: Any) -> None:
        """Check the options that the kind has, and bind its scripts to the keys."""

    def __reduce__(self) -> tuple[object, ...]:
        added = {name: value for name, value in vars(self).items() if name not in self._attributes}
        added.pop("_attributes")
        return _restore, (type(self), self._url, self.name, self._options), added or None  # a subclass's own travels

    def delete(self) -> None:
        """Remove it from the server; whoever still uses it begins with a new one.

        Raises `ServerUnavailableError` if the server cannot be reached.
        """
        here = self._here()
        connection = here.borrow()
        try:
            connection.run_command(b"UNLINK", *self._keys)
        finally:
            here.give_back(connection)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _here(self) -> Session:
        if self._session is None or self._session.closed:
            self._session = session(self._url)
        return self._session

    def _run(self, command: BoundScript, *arguments: bytes) -> tuple[Any, bool]:
        """Run a script; return its reply, and whether it was sent again. Without arguments a new token is sent."""
        here = self._here()
        connection = here.borrow()
        try:
            return self._ask(connection, command, *(arguments or (connection.new_token(),)))
        finally:
            here.give_back(connection)

    def _ask(
        self, connection: Connection, command: BoundScript, *arguments: bytes, until: float = NEVER
    ) -> tuple[Any, bool]:
        try:
            return connection.run(command, *arguments, deadline=until)
        except redis.ResponseError as error:
            raise self._translated(error) from error

    def _translated(self, error: redis.ResponseError) -> BrokerError:
        kind, _, rest = str(error).partition(" ")
        if kind == "MISMATCH":
            return MismatchError(f"{self!r} already exists with the value {rest}; use that value, or another name")
        return BrokerError(f"the Redis server refused a script: {error}")


def _restore(kind: type[H], url: str, name: str, options: dict[str, Any]) -> H:
    return kind.at(url, name, **options)


def check_name(name: str) -> str:
    """Return `name`; raise `InvalidArgumentError` if nothing could be found again under it."""
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"a name is a string of one character or more, not {name!r}")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"a name is text that UTF-8 can write, not {name!r}") from error
    return name
