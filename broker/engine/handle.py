"""Handles: a primitive is a name on a server, and a handle gives any process access to it by that name."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, TypeVar

import redis

from broker.engine.owner import Owner, default_owner
from broker.engine.session import Session, get_session
from broker.errors import BrokerError, InvalidArgumentError, MismatchError
from broker.transport.connection import NEVER, Connection
from broker.transport.scripts import BoundScript, Script

DELETE = Script("engine/lua/delete.lua")
INDEX = b"broker:index"  # lists the primitives of the server, see engine/lua/register.lua

H = TypeVar("H", bound="Handle")


class Handle:
    """What all primitives share: a name, its keys on the server, and this process's session there."""

    _kind: ClassVar[str]
    _key_suffixes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str | None = None, *, context: Owner | None = None, **options: Any) -> None:
        owner = default_owner() if context is None else context
        self._bind(owner.url_for(name), uuid.uuid4().hex if name is None else name, options)
        owner.own(self, name)

    @classmethod
    def at(cls: type[H], url: str, name: str, **options: Any) -> H:
        """Return a handle for `name` on the server at `url` that no context owns; this sends no request."""
        handle = cls.__new__(cls)
        handle._bind(url, name, options)
        return handle

    def _bind(self, url: str, name: str, options: dict[str, Any]) -> None:
        added = frozenset(vars(self))
        self._name = check_name(name)
        self._url = url
        self._options = options
        self._session: Session | None = None
        self._key = f"broker:{{{self._kind}:{name}}}".encode()  # braces: all keys of one name share a hash slot
        self._keys = (self._key, *(self._key + f":{suffix}".encode() for suffix in self._key_suffixes))
        self._configure(**options)
        self._attributes = frozenset(vars(self)) - added

    def _configure(self, *args: Any, **options: Any) -> None:
        """Check the options of this kind of primitive, and bind its scripts to the keys."""

    @property
    def name(self) -> str:
        """The name, which is the same in every process that uses the primitive."""
        return self._name

    def __reduce__(self) -> tuple[object, ...]:
        state = self.__getstate__()
        arguments = (type(self), self._url, self._name, self._options)
        return (_restore, arguments) if state == ({},) else (_restore, arguments, state)

    # A tuple, as of multiprocessing's primitives: subclasses extend it.
    def __getstate__(self) -> tuple[Any, ...]:
        added = {name: value for name, value in vars(self).items() if name not in self._attributes}
        del added["_attributes"]
        return (added,)

    def __setstate__(self, state: tuple[dict[str, Any]]) -> None:
        vars(self).update(*state)

    def delete(self) -> None:
        """Delete the primitive from the server; a process that still uses it starts with a new one.

        Raises `ServerUnavailableError` if the server cannot be reached.
        """
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            self._run_on(connection, DELETE.bind((*self._keys, INDEX)), connection.new_token(), deadline=0.0)
        finally:
            session.release_connection(connection)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>"

    def _get_session(self) -> Session:
        if self._session is None or self._session.closed:
            self._session = get_session(self._url)
        return self._session

    def _run(self, script: BoundScript, *arguments: bytes) -> tuple[Any, bool]:
        """Run a script as `Connection.run` does; its only argument is a new token if none is given."""
        session = self._get_session()
        connection = session.acquire_connection()
        try:
            return self._run_on(connection, script, *(arguments or (connection.new_token(),)))
        finally:
            session.release_connection(connection)

    def _run_on(
        self, connection: Connection, script: BoundScript, *arguments: bytes, deadline: float = NEVER
    ) -> tuple[Any, bool]:
        try:
            return connection.run(script, *arguments, deadline=deadline)
        except redis.ResponseError as error:
            raise self._translate_error(error) from error

    def _translate_error(self, error: redis.ResponseError) -> BrokerError:
        code, _, rest = str(error).partition(" ")
        if code == "MISMATCH":
            return MismatchError(f"{self!r} already exists with the value {rest}; use that value, or another name")
        return BrokerError(f"the Redis server rejected a script: {error}")


def _restore(handle_class: type[H], url: str, name: str, options: dict[str, Any]) -> H:
    return handle_class.at(url, name, **options)


def check_name(name: str) -> str:
    """Return `name`; raise `InvalidArgumentError` if it is not a string that can be part of a key."""
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"a name must be a non-empty string, not {name!r}")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"a name must be text that UTF-8 can encode, not {name!r}") from error
    return name
