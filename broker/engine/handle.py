"""Handles: a primitive is a name on a server, and a handle gives any process access to it by that name."""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import redis

from broker.engine.operations import Client, Steps
from broker.engine.owner import Owner, default_owner
from broker.engine.requests import run
from broker.engine.session import Session, get_session
from broker.errors import BrokerError, DataLostError, InvalidArgumentError, MismatchError
from broker.transport.address import split_keeper
from broker.transport.scripts import BoundScript, Command, PackedKeys, Script
from broker.transport.server_errors import translate

DELETE = Script("engine/lua/delete.lua")
INDEX = b"broker:index"  # lists the primitives of the server, see engine/lua/register.lua
INDEX_KEY = PackedKeys([INDEX])

# Not the number of any fork. Other processes can use a primitive whose handle was pickled, whose name was asked for, or
# whose handle existed when this process was forked: the child has a copy.
SHARED = -1

H = TypeVar("H", bound="Handle")
T = TypeVar("T")


class Handle:
    """What all primitives share: a name, its keys on the server, and this process's session there."""

    _kind: ClassVar[str]
    _key_suffixes: ClassVar[tuple[str, ...]] = ()

    # A program may have many handles. What a program adds to one of them is in `__dict__`, and is pickled.
    __slots__ = ("__dict__", "__weakref__", "_key", "_options", "_owner", "_private_since", "_session", "_url")
    _forks: ClassVar[int] = 0  # how often this process and those that have forked it were forked
    _owner: Owner | None  # of a primitive without a name
    _private_since: int  # the number of forks when this handle was created, or `SHARED`

    def __init__(self, name: str | None = None, *, context: Owner | None = None, **options: Any) -> None:
        owner = default_owner() if context is None else context
        self._bind(owner.url_for(name), uuid.uuid4().hex if name is None else name, options)
        owner.own(self, name)
        if name is None:
            self._owner, self._private_since = owner, self._forks

    @classmethod
    def at(cls: type[H], url: str, name: str, **options: Any) -> H:
        """Return a handle for `name` on the server at `url` that no context owns; this sends no request."""
        handle = cls.__new__(cls)
        handle._bind(url, name, options)
        return handle

    def _bind(self, url: str, name: str, options: dict[str, Any]) -> None:
        check_name(name)
        self._url = url
        self._session: Session | None = None
        self._owner = None
        self._private_since = SHARED
        self._key = f"broker:{{{self._kind}:{name}}}".encode()  # braces: all keys of one name share a hash slot
        self._configure(**options)
        self._options = _shared(tuple(options.items()))

    def _configure(self, *args: Any, **options: Any) -> None:
        """Check the options of this kind of primitive, and bind the scripts that are run often to the keys."""

    @property
    def _server(self) -> str:
        """The address of the server, which is the same in URLs that differ in what renews leases."""
        return split_keeper(self._url)[0]

    @property
    def _keys(self) -> tuple[bytes, ...]:
        return (self._key, *(self._key + f":{suffix}".encode() for suffix in self._key_suffixes))

    @property
    def _name(self) -> str:
        return self._key[len(f"broker:{{{self._kind}:") : -1].decode()

    @property
    def name(self) -> str:
        """The name, which is the same in every process that uses the primitive."""
        self._private_since = SHARED
        return self._name

    def __reduce__(self) -> tuple[object, ...]:
        self._private_since = SHARED
        state = self.__getstate__()
        arguments = (type(self), self._url, self._name, self._pickled_options())
        return (_restore, arguments) if state == ({},) else (_restore, arguments, state)

    def _pickled_options(self) -> dict[str, Any]:
        return dict(self._options)

    # A tuple, as of multiprocessing's primitives: subclasses extend it.
    def __getstate__(self) -> tuple[Any, ...]:
        return (dict(vars(self)),)

    def __setstate__(self, state: tuple[dict[str, Any]]) -> None:
        vars(self).update(*state)

    def delete(self) -> None:
        """Delete the primitive from the server; a process that still uses it starts with a new one.

        Raises `ServerUnavailableError` if the server cannot be reached.
        """
        self._drive(lambda client: run(client, self.deletion, client.new_token(), deadline=0.0))

    @property
    def deletion(self) -> BoundScript:
        """The script that deletes the primitive."""
        return DELETE.bind(self._keys, more_keys=INDEX_KEY)

    def disown(self) -> None:
        """Leave its deletion to others: in a forked child, to the parent."""
        self._owner = None

    def __del__(self) -> None:
        """Have a primitive without a name deleted: now if nobody else can use it, else when its owner is closed.

        This is called in any thread at any point of the program, so it takes no lock and sends no request.
        """
        owner = getattr(self, "_owner", None)
        if owner is None:
            return
        if self._private_since != self._forks:
            owner.delete_later(self.deletion)
        elif self._session is not None and not self._session.closed:
            self._session.drop(self._key, self.deletion)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>"

    def _get_session(self) -> Session:
        if self._session is None or self._session.closed:
            self._session = get_session(self._url)
        return self._session

    def _run(self, script: BoundScript | Command, *arguments: bytes) -> tuple[Any, bool]:
        """Run a script as `requests.run` does; its only argument is a new token if none is given."""
        return self._drive(lambda client: run(client, script, *(arguments or (client.new_token(),))))

    def _ask(self, parse: Callable[[Any], T], script: BoundScript | Command, *arguments: bytes) -> T:
        """Run a script as `_run` does; return what `parse` makes of its reply, as `requests.ask` does."""
        return self._ask_at_once(parse, script, arguments, has_token=not arguments)

    def _ask_at_once(
        self, parse: Callable[[Any], T], script: BoundScript | Command, arguments: tuple[bytes, ...], has_token: bool
    ) -> T:
        """Run a script as `Session.ask` does."""
        try:
            return self._get_session().ask(parse, script, arguments, has_token)
        except redis.ResponseError as error:
            raise self._translate_error(error) from error

    def _drive(self, steps: Callable[[Client], Steps[T]]) -> T:
        """Drive the steps that are made for a client of this process's session."""
        try:
            return self._get_session().run(steps)
        except redis.ResponseError as error:
            raise self._translate_error(error) from error

    def _data_lost(self) -> DataLostError:
        return DataLostError(f"{self!r} is no longer on the server: its data was lost, or it was deleted")

    def _translate_error(self, error: redis.ResponseError) -> BrokerError:
        code, _, rest = str(error).partition(" ")
        if code == "MISMATCH":
            return MismatchError(f"{self!r} already exists with the value {rest}; use that value, or another name")
        return translate(error, key=self._key)


@functools.lru_cache(maxsize=256)
def _shared(options: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """Return equal options that another handle has already, if there are any: they exist once."""
    return options


def _share_all() -> None:
    Handle._forks += 1


os.register_at_fork(before=_share_all)


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
