"""Containers on the server: lists and mappings of what was pickled, by name, with one request for each operation."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing.managers import BaseProxy
from typing import Any, ClassVar, TypeAlias, TypeVar

from broker.engine.expiring_handle import ExpiringHandle
from broker.engine.handle import INDEX_KEY
from broker.engine.operations import Client, Post, Steps
from broker.engine.owner import Owner
from broker.engine.requests import parsed, run
from broker.managers.kept_objects import keep_objects
from broker.managers.keys import field_of
from broker.transport.replies import either, expect, integer, string
from broker.transport.scripts import BoundScript, Command, Script

CREATE = Script("managers/lua/create.lua")
FORGET_RESULT = Script("managers/lua/forget_result.lua")
COUNT = Script("managers/lua/count.lua", arguments=2)
LIST_READ = Script("managers/lua/list_read.lua", arguments=4)
LIST_SPLICE = Script("managers/lua/list_splice.lua", arguments=6)
LIST_REPLACE = Script("managers/lua/list_replace.lua", arguments=4)
MAPPING_READ = Script("managers/lua/mapping_read.lua", arguments=3)
MAPPING_READ_ALL = Script("managers/lua/mapping_read_all.lua", arguments=2)
MAPPING_SET = Script("managers/lua/mapping_set.lua", arguments=4)
MAPPING_PUT = Script("managers/lua/mapping_put.lua", arguments=4)
MAPPING_SELECT = Script("managers/lua/mapping_select.lua", arguments=4)
MAPPING_REMOVE = Script("managers/lua/mapping_remove.lua", arguments=4)

LOST, MISSING = -1, -2  # replies, see managers/lua/container.lua
END = 2**53  # a place behind the last item of any list; Lua has no larger whole number

# The server keeps each client's last result, in case the reply is lost; a larger one only until it has arrived.
KEPT_SIZE = 16384  # bytes

T = TypeVar("T")


class Store(ExpiringHandle):
    """What lists and mappings have in common."""

    __slots__ = ("_bound", "_created")

    def __init__(self, *, context: Owner) -> None:
        super().__init__(None, context=context)
        self._created = self._ask(integer, CREATE.bind(self._keys, more_keys=INDEX_KEY))

    def _configure(self) -> None:
        self._bound: dict[Script, BoundScript] = {}  # those that were run

    def count(self) -> int:
        """Return how many items there are."""
        return int(self._call(integer, COUNT))

    def _call(self, parse: Callable[[Any], Any], script: Script, *arguments: bytes) -> Any:
        """Run a script; return what `parse` makes of its reply, or raise `DataLostError` if there is no container."""
        sent = (self._may_renew(), *arguments)
        reply = self._ask_at_once(either(parse, LOST), self._bind_script(script), sent, has_token=True)
        if reply == LOST:
            raise self._data_lost()
        return reply

    def _take(self, parse: Callable[[Any], Any], script: Script, *arguments: bytes) -> Any:
        """Do as `_call` for a script that removes what it returns."""
        bound, any_reply, sent = self._bind_script(script), either(parse, LOST), (self._may_renew(), *arguments)
        reply = self._drive(lambda client: self._take_result(client, any_reply, bound, sent))
        if reply == LOST:
            raise self._data_lost()
        return reply

    def _take_result(
        self, client: Client, parse: Callable[[Any], Any], script: BoundScript, arguments: tuple[bytes, ...]
    ) -> Steps[Any]:
        token = client.new_token()
        reply, _ = yield from run(client, script, token, *arguments)
        if isinstance(reply, bytes) and len(reply) > KEPT_SIZE:
            yield Post(self._bind_script(FORGET_RESULT), (token,))
        return parsed(client, parse, reply)

    def _bind_script(self, script: Script) -> BoundScript:
        bound = self._bound.get(script)
        if bound is None:
            bound = self._bound[script] = script.bind(self._keys, self._created, more_keys=INDEX_KEY)
        return bound

    def _pickle(self, obj: Any) -> bytes:
        if BaseProxy._address_to_local:  # this process has, or had, a proxy of an object in a manager's process
            keep_objects(obj)
        return self._dumps(obj)

    def _dumps(self, obj: Any) -> bytes:
        return pickle.dumps(obj, pickle.HIGHEST_PROTOCOL)

    def _loads(self, item: bytes) -> Any:
        return pickle.loads(item)  # noqa: S301 - as multiprocessing's managers do

    def __getstate__(self) -> tuple[Any, ...]:
        return (*super().__getstate__(), self._created)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        *inherited, self._created = state
        super().__setstate__(tuple(inherited))


class ListStore(Store):
    """A list."""

    _kind = "list"
    _key_suffixes: ClassVar[tuple[str, ...]] = ("items",)

    def read(self, first: int, last: int) -> list[Any]:
        """Return the items from `first` to `last`, which count from the end if they are negative."""
        return [self._loads(item) for item in self._call(_versioned, LIST_READ, b"%d" % first, b"%d" % last)[1:]]

    def splice(self, start: int, stop: int, items: Iterable[Any] = ()) -> None:
        """Replace the items from `start` to before `stop`, as in a slice."""
        self._splice(start, b"%d" % stop, items)

    def replace_one(self, place: int, items: Sequence[Any] = ()) -> None:
        """Replace one item; raise `IndexError` if there is none at this place."""
        self._splice(place, b"", items)

    def pop(self, place: int) -> Any:
        """Remove one item and return it; raise `IndexError` if there is none at this place."""
        return self._loads(self._splice(place, b"", wanted=True))

    def _splice(self, start: int, stop: bytes, items: Iterable[Any] = (), wanted: bool = False) -> bytes:
        arguments = b"%d" % start, stop, pack(map(self._pickle, items)), b"%d" % wanted
        parse = either(_one_changed if wanted else _changed, MISSING)
        replaced: bytes | int = self._take(parse, LIST_SPLICE, *arguments)
        if isinstance(replaced, int):
            raise IndexError("list index out of range")
        return replaced

    def modify(self, function: Callable[[list[Any]], T]) -> T:
        """Let `function` change a copy of the list, replace the list by it, and return what the function returns.

        If another process changes the list meanwhile, this begins again with what it is by then.
        """
        while True:
            version, *packed = self._call(_versioned, LIST_READ, b"0", b"-1")
            items = [self._loads(item) for item in packed]
            result = function(items)
            arguments = b"%d" % version, pack(map(self._pickle, items))
            if self._call(either(_changed, MISSING), LIST_REPLACE, *arguments) != MISSING:
                return result

    def __repr__(self) -> str:
        return f"<list {self._name!r}>"


class MappingStore(Store):
    """A mapping, in the order of insertion."""

    _kind = "dict"
    _key_suffixes: ClassVar[tuple[str, ...]] = ("entries", "order")
    __slots__ = ("_read_command",)

    def _configure(self) -> None:
        super()._configure()
        self._read_command = Command(b"HMGET", self._keys[1], b"created")

    def read(self, key: Any) -> tuple[Any, ...]:
        """Return the value of `key` as a tuple of one; an empty one if there is none."""
        if self._renewal_is_due:
            entry = self._call(either(string, MISSING), MAPPING_READ, field_of(key))
        else:
            entry = self._ask_at_once(self._parse_entry, self._read_command, (field_of(key),), has_token=False)
        if entry == LOST:
            raise self._data_lost()
        return () if entry == MISSING else (self._value(entry),)

    def _parse_entry(self, reply: Any) -> Any:
        created, entry = reply
        if created is None or int(string(created)) != self._created:
            return LOST
        return MISSING if entry is None else string(entry)

    def read_all(self) -> list[tuple[Any, Any]]:
        """Return all keys and values."""
        return [self._loads(entry) for entry in self._call(_strings, MAPPING_READ_ALL)]

    def put_one(self, key: Any, value: Any) -> None:
        """Put a value under a key."""
        arguments = self._may_renew(), field_of(key), self._pickle((key, value))
        if self._ask_at_once(integer, self._bind_script(MAPPING_SET), arguments, has_token=True) == LOST:
            raise self._data_lost()

    def put(self, entries: Iterable[tuple[Any, Any]]) -> None:
        """Put values under keys."""
        self._call(_changed, MAPPING_PUT, b"0", self._pack(entries))

    def put_if_new(self, key: Any, value: Any) -> Any:
        """Put a value under a key that has none; return the value that is there then."""
        before = self._take(_changed, MAPPING_PUT, b"1", self._pack([(key, value)]))
        return self._value(before) if before else value

    def remove(self, key: Any) -> Any:
        """Remove a key and return its value; raise `KeyError` if it has none."""
        entry = self._take(either(_changed, MISSING), MAPPING_REMOVE, b"field", field_of(key))
        if entry == MISSING:
            raise KeyError(key)
        return self._value(entry)

    def remove_last(self) -> tuple[Any, Any]:
        """Remove the key that was inserted last, and return it with its value; raise `KeyError` if there is none."""
        entry = self._take(either(_changed, MISSING), MAPPING_REMOVE, b"last", b"")
        if entry == MISSING:
            raise KeyError("popitem(): dictionary is empty")
        key, value = self._loads(entry)
        return key, value

    def clear(self) -> None:
        """Remove all keys."""
        self._take(_changed, MAPPING_REMOVE, b"all", b"")

    def _pack(self, entries: Iterable[tuple[Any, Any]]) -> bytes:
        return pack(part for entry in entries for part in (field_of(entry[0]), self._pickle(tuple(entry))))

    def _value(self, entry: bytes) -> Any:
        return self._loads(entry)[1]

    def __repr__(self) -> str:
        return f"<{self._kind} {self._name!r}>"


class SetStore(MappingStore):
    """A set: a mapping from its elements to None."""

    _kind = "set"

    def select(self, which: bytes, elements: Iterable[Any]) -> None:
        """Compare the elements with others and change the set; `which` is that of mapping_select.lua."""
        self._call(_changed, MAPPING_SELECT, which, self._pack((element, None) for element in elements))


class NamespaceStore(MappingStore):
    """The attributes of a namespace, or of a managed value."""

    _kind = "namespace"


Stores: TypeAlias = Mapping[type[Store], type[Store]]
STORES: Stores = {
    each: each for each in (ListStore, MappingStore, SetStore, NamespaceStore)
}  # what a context creates of each


def _strings(reply: Any) -> list[bytes]:
    return [string(each) for each in expect(list, reply)]


def _versioned(reply: Any) -> list[Any]:
    version, *strings = reply
    return [integer(version), *_strings(strings)]


def _changed(reply: Any) -> bytes:
    """Return what follows the "+" with which the replies of scripts begin that change a container."""
    if string(reply)[:1] != b"+":
        raise ValueError(reply)
    return string(reply)[1:]


def _one_changed(reply: Any) -> bytes:
    [item] = unpack(_changed(reply))
    return item


def pack(strings: Iterable[bytes]) -> bytes:
    """Return several strings as one: "length:string" for each."""
    return b"".join(b"%d:%b" % (len(each), each) for each in strings)


def unpack(packed: bytes) -> list[bytes]:
    """Return the strings of which `pack` has made this."""
    strings, position = [], 0
    while position < len(packed):
        colon = packed.index(b":", position)
        stop = colon + 1 + int(packed[position:colon])
        strings.append(packed[colon + 1 : stop])
        position = stop
    return strings
