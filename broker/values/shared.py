"""Values, arrays and structures whose bytes are on the server; they look like those of ctypes.

Each reads and writes its part of the bytes. What ctypes would do with a value, ctypes does: in a small object of this
process, whose bytes are then sent, or have arrived. So conversions, their errors, and what is out of range are ctypes'.
"""

from __future__ import annotations

import ctypes
import functools
import operator
import struct
from collections.abc import Iterator
from typing import Any, Generic, NoReturn, SupportsIndex, TypeVar, overload

from broker.errors import MismatchError, UnsupportedError
from broker.values.layout import (
    FLOATS,
    SIGNED,
    UNSIGNED,
    CType,
    Field,
    Spec,
    byte_order,
    describe,
    fields,
    from_spec,
    is_simple,
    reads_as_python,
    to_spec,
)
from broker.values.stored_bytes import Memory

T = TypeVar("T")


class Region:
    """The part of the bytes that an object has, and its type."""

    __slots__ = ("ctype", "memory", "offset")

    def __init__(self, ctype: CType, memory: Memory, offset: int) -> None:
        self.ctype = ctype
        self.memory = memory
        self.offset = offset

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from `offset` on."""
        return self.memory.read(self.offset + offset, size) if size else b""

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes at `offset`."""
        if data:
            self.memory.write(self.offset + offset, data)

    def local_copy(self) -> Any:
        """Return an object of ctypes with these bytes."""
        return self.ctype.from_buffer_copy(self.read(0, ctypes.sizeof(self.ctype)))

    def part(self, ctype: CType, offset: int) -> Any:
        """Return the object of Python that is there, or a view of it: as ctypes, which has views of structures only."""
        if reads_as_python(ctype):
            return ctype.from_buffer_copy(self.read(offset, ctypes.sizeof(ctype))).value
        return view(ctype, self.memory.stored, self.offset + offset)


class SharedObject:
    """What values, arrays and structures have in common: a type, and where its bytes are.

    Structures have the names of their fields, so that all else is behind one private name.
    """

    def __init__(self, ctype: CType, memory: Memory, offset: int = 0) -> None:
        self.__region = Region(ctype, memory, offset)

    @property
    def name(self) -> str:
        """The name under which other processes can use the bytes."""
        return region(self).memory.stored.name

    def delete(self) -> None:
        """Delete the bytes from the server; whoever still uses them gets `DataLostError`."""
        region(self).memory.stored.delete()

    def __bytes__(self) -> bytes:
        return region(self).read(0, ctypes.sizeof(region(self).ctype))

    def __reduce__(self) -> tuple[Any, ...]:
        here = region(self)
        return _restore, (to_spec(here.ctype), ctypes.sizeof(here.ctype), here.memory.stored, here.offset)

    def __repr__(self) -> str:
        return f"<shared {describe(region(self).ctype)} {region(self).memory.stored._name!r}>"

    @property
    def __buffer__(self) -> NoReturn:
        """Raise `UnsupportedError`: the bytes are on the server, so no buffer can show what other processes write."""
        raise UnsupportedError(
            "the bytes are on the server and not in this process's memory, so there is no buffer of them; take a copy "
            "with [:], and assign to [:] what you have changed: a = numpy.array(shared[:]); …; shared[:] = a.tolist()"
        )

    __array_interface__ = __buffer__


def region(obj: SharedObject) -> Region:
    """Return where the bytes of a shared object are."""
    here: Region = obj._SharedObject__region  # type: ignore[attr-defined]
    return here


def view(ctype: CType, memory: Memory, offset: int = 0) -> Any:
    """Return what looks like an object of this type, at `offset` in the bytes."""
    return _view_class(ctype)(ctype, memory, offset)


def _restore(spec: Spec, size: int, memory: Memory, offset: int) -> Any:
    ctype = from_spec(spec)
    if ctypes.sizeof(ctype) != size:
        raise MismatchError(
            f"{describe(ctype)} has {ctypes.sizeof(ctype)} bytes on this host, and {size} on the one that has sent "
            f"{memory.stored!r}; use types of a fixed size, as ctypes.c_int64"
        )
    return view(ctype, memory, offset)


@functools.lru_cache(maxsize=256)
def _view_class(ctype: CType) -> type[SharedObject]:
    if is_simple(ctype):
        return SharedValue
    if not issubclass(ctype, ctypes.Array):
        return _structure_class(ctype)
    if ctype._type_ is ctypes.c_char:
        return SharedCharArray
    return SharedTextArray if ctype._type_ is ctypes.c_wchar else SharedArray


class SharedValue(SharedObject, Generic[T]):
    """A number, a character or a bool, like an object of ctypes; `value` is one request."""

    @property
    def value(self) -> T:
        """The value; one that does not fit in the type wraps around."""
        here = region(self)
        data = here.memory.read(here.offset, ctypes.sizeof(here.ctype))
        value: T = here.ctype.from_buffer_copy(data).value
        return value

    @value.setter
    def value(self, value: T) -> None:
        local = region(self).ctype()
        local.value = value
        region(self).write(0, bytes(local))

    def add(self, number: T) -> T:
        """Add `number` and return the sum, in one step on the server: no other change comes in between.

        The sum wraps around, or is rounded, as the type does it. Raises `TypeError` if this is not a number.
        """
        here = region(self)
        kind, order = here.ctype._type_, byte_order(here.ctype)
        if kind in FLOATS:
            number_format, addend = order + kind, struct.pack(f"{order}d", ctypes.c_double(number).value)  # type: ignore[arg-type]
        elif kind in SIGNED + UNSIGNED:
            number_format, addend = order, bytes(here.ctype(number))
        else:
            raise TypeError(f"{describe(here.ctype)} is not a type of numbers that can be added")
        data = here.memory.add(here.offset, number_format.encode(), addend)
        total: T = here.ctype.from_buffer_copy(data).value
        return total


class SharedArray(SharedObject, Generic[T]):
    """An array, like one of ctypes; an element or a slice is one request to read, and one to write.

    Iterating over it reads each element when its turn comes; `array[:]` reads all with one request.
    """

    def __len__(self) -> int:
        length: int = region(self).ctype._length_
        return length

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        if not isinstance(index, slice):
            return region(self).part(self._element, self._place(index) * ctypes.sizeof(self._element))
        places = range(*index.indices(len(self)))
        if not reads_as_python(self._element):
            return [self[place] for place in places]
        return self._read_range(places)[:: places.step]

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        if not isinstance(index, slice):
            place = self._place(index)
            places, value = range(place, place + 1), [value]
        else:
            places = range(*index.indices(len(self)))
        step, size = places.step, ctypes.sizeof(self._element)
        if step < 0:
            places = places[::-1]
        local = (self._element * len(places))()
        local[:: 1 if step > 0 else -1] = value if reads_as_python(self._element) else [_local(each) for each in value]
        here, data, offset = region(self), bytes(local), places.start * size
        if places.step == 1 or len(places) < 2:
            here.write(offset, data)
        else:
            here.memory.write_pieces(here.offset + offset, data, size, places.step * size)

    def __iter__(self) -> Iterator[T]:
        return (self[place] for place in range(len(self)))

    @property
    def _element(self) -> CType:
        return region(self).ctype._type_

    def _place(self, index: SupportsIndex) -> int:
        place = operator.index(index)
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError("invalid index")
        return place

    def _read_range(self, places: range) -> Any:
        """Return an array of ctypes from the lowest to the highest of these places."""
        low, high = (min(places[0], places[-1]), max(places[0], places[-1]) + 1) if places else (0, 0)
        size = ctypes.sizeof(self._element)
        return (self._element * (high - low)).from_buffer_copy(region(self).read(low * size, (high - low) * size))


class SharedTextArray(SharedArray[T]):
    """An array of characters."""

    @property
    def value(self) -> Any:
        """The text up to the first null character; what is written must fit."""
        return region(self).local_copy().value

    @value.setter
    def value(self, value: Any) -> None:
        region(self).write(0, _text_bytes(region(self).ctype, value))


class SharedCharArray(SharedTextArray[bytes]):
    """An array of bytes."""

    @property
    def raw(self) -> bytes:
        """All bytes; what is written may be shorter."""
        return bytes(self)

    @raw.setter
    def raw(self, value: Any) -> None:
        local = region(self).ctype()
        local.raw = value
        region(self).write(0, local.raw[: len(memoryview(value).cast("B"))])


class SharedStructure(SharedObject):
    """A structure or a union, like one of ctypes; a field is one request to read, and one to write.

    A subclass for each type has its fields, and the methods and properties that it defines.
    """


def _structure_class(ctype: CType) -> type[SharedStructure]:
    own: dict[str, Any] = {}
    for each in reversed(ctype.__mro__[: ctype.__mro__.index(_base(ctype))]):
        own |= {name: member for name, member in vars(each).items() if name not in _NOT_INHERITED}
    properties = {field.name: _field_property(ctype, field) for field in fields(ctype)}
    return type(f"Shared{ctype.__name__}", (SharedStructure,), own | properties)


_NOT_INHERITED = {
    *("_fields_", "_anonymous_", "_pack_", "_align_", "_layout_", "_swappedbytes_"),
    *("__init__", "__new__", "__dict__", "__weakref__", "__slots__", "__qualname__"),
}


def _base(ctype: CType) -> CType:
    """Return the class of ctypes from which a structure or a union is derived."""
    return next(each for each in ctype.__mro__ if each.__module__ in ("_ctypes", "ctypes", "ctypes._endian"))


def _field_property(ctype: CType, field: Field) -> property:
    size = ctypes.sizeof(field.ctype)

    def get(self: SharedStructure) -> Any:
        if field.is_bit_field:
            return getattr(region(self).local_copy(), field.name)
        if _is_text(field.ctype):  # as ctypes has it: not an array
            return field.ctype.from_buffer_copy(region(self).read(field.offset, size)).value
        return region(self).part(field.ctype, field.offset)

    def set_(self: SharedStructure, value: Any) -> None:
        if field.is_bit_field:  # others are in the same bytes
            with region(self).memory.exclusive() as memory:
                local = Region(ctype, memory, region(self).offset).local_copy()
                setattr(local, field.name, value)
                memory.write(region(self).offset + field.offset, bytes(local)[field.offset :][:size])
            return
        local = ctype()
        setattr(local, field.name, _local(value))
        data = bytes(local)[field.offset :][:size]
        region(self).write(field.offset, _text_bytes(field.ctype, value) if _is_text(field.ctype) else data)

    return property(get, set_)


def _is_text(ctype: CType) -> bool:
    return issubclass(ctype, ctypes.Array) and ctype._type_ in (ctypes.c_char, ctypes.c_wchar)


def _text_bytes(ctype: CType, value: Any) -> bytes:
    """Return what ctypes writes into an array of characters: the text, and a null character if there is room for it."""
    local = ctype()
    local.value = value
    return bytes(local)[: (len(value) + 1) * ctypes.sizeof(ctype._type_)]


def _local(value: Any) -> Any:
    """Return an object of ctypes instead of one that is shared."""
    return region(value).local_copy() if isinstance(value, SharedObject) else value
