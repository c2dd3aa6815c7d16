"""ctypes types: which ones can be shared, what they are called, and where the fields of a structure are."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from broker.errors import InvalidArgumentError, UnsupportedError

CType: TypeAlias = Any  # a ctypes type

TYPECODES: dict[str, CType] = {
    "c": ctypes.c_char,
    "u": ctypes.c_wchar,
    "b": ctypes.c_byte,
    "B": ctypes.c_ubyte,
    "h": ctypes.c_short,
    "H": ctypes.c_ushort,
    "i": ctypes.c_int,
    "I": ctypes.c_uint,
    "l": ctypes.c_long,
    "L": ctypes.c_ulong,
    "q": ctypes.c_longlong,
    "Q": ctypes.c_ulonglong,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
}
SIGNED, UNSIGNED, FLOATS = "bhilq", "BHILQ", "fd"  # what ctypes calls these types in `_type_`
_NAMES = {"c": "char", "u": "wchar", "?": "bool", "g": "longdouble"}
MAX_SIZE = 512 * 1024 * 1024  # bytes: what a server accepts as one string, unless it is configured otherwise

_SIMPLE: Any = ctypes.c_int.__base__


def ctype_of(typecode_or_type: object) -> CType:
    """Return the ctypes type; raise `TypeError` if it is none, `UnsupportedError` if its values are addresses."""
    ctype = TYPECODES.get(typecode_or_type, typecode_or_type)  # type: ignore[call-overload]
    ctypes.sizeof(ctype)
    describe(ctype)
    return ctype


def check_size(ctype: CType) -> int:
    """Return the size in bytes; raise `InvalidArgumentError` if it is more than `MAX_SIZE`."""
    size = ctypes.sizeof(ctype)
    if size > MAX_SIZE:
        raise InvalidArgumentError(f"a value or an array has at most {MAX_SIZE} bytes, and not {size}")
    return size


def describe(ctype: CType) -> str:
    """Return the name of a type by which processes on any host know that they mean the same layout.

    Raises `UnsupportedError` if its values are addresses, or `TypeError` if it is no type of ctypes.
    """
    if issubclass(ctype, ctypes.Array):
        return f"{describe(ctype._type_)}[{ctype._length_}]"
    if issubclass(ctype, (ctypes.Structure, ctypes.Union)):
        parts = (f"{name}: {describe(kind)}{f':{bits[0]}' if bits else ''}" for name, kind, *bits in _declared(ctype))
        return f"{ctype.__name__}({', '.join(parts)}; {ctypes.sizeof(ctype)} bytes)"
    if not is_simple(ctype) or ctype._type_ not in SIGNED + UNSIGNED + FLOATS + "".join(_NAMES):
        raise UnsupportedError(f"a {ctype.__name__} is an address, which means nothing to another process")
    order = "" if ctypes.sizeof(ctype) == 1 or byte_order(ctype) == "<" else " big-endian"
    return f"{_name(ctype)}{order}"


def _name(ctype: CType) -> str:
    code, bits = ctype._type_, 8 * ctypes.sizeof(ctype)
    if code in SIGNED:
        return f"int{bits}"
    if code in UNSIGNED:
        return f"uint{bits}"
    return f"float{bits}" if code in FLOATS else f"{_NAMES[code]}{bits if code in 'ug' else ''}"


def is_simple(ctype: CType) -> bool:
    """Return whether it is a number, a character or a bool."""
    return issubclass(ctype, _SIMPLE)


def reads_as_python(ctype: CType) -> bool:
    """Return whether an element or a field of this type is read as an object of Python; one of others is a view."""
    return ctype.__base__ is _SIMPLE


def byte_order(ctype: CType) -> str:
    """Return "<" if the lowest byte of a number comes first, else ">"."""
    native: Any = getattr(ctype, f"__ctype_{sys.byteorder[0]}e__", ctype)
    return "<" if (sys.byteorder == "little") == issubclass(ctype, native) else ">"


@dataclass(frozen=True)
class Field:
    """A field of a structure or a union."""

    name: str
    ctype: CType
    offset: int  # in bytes
    is_bit_field: bool


def fields(ctype: CType) -> Iterator[Field]:
    """Yield the fields, also those that are inherited, or are fields of an anonymous one."""
    for name, kind, *bits in _declared(ctype):
        yield Field(name, kind, getattr(ctype, name).offset, bool(bits))
        if name in getattr(ctype, "_anonymous_", ()):
            for inner in fields(kind):
                yield Field(inner.name, inner.ctype, getattr(ctype, inner.name).offset, inner.is_bit_field)


def _declared(ctype: CType) -> Iterator[Any]:
    for each in reversed(ctype.__mro__):
        yield from vars(each).get("_fields_", ())


Spec: TypeAlias = Any  # a type that can be pickled, or a tuple of that of an array's elements and of its length


def to_spec(ctype: CType) -> Spec:
    """Return what can be pickled instead of a type: those of arrays cannot."""
    return (to_spec(ctype._type_), ctype._length_) if issubclass(ctype, ctypes.Array) else ctype


def from_spec(spec: Spec) -> CType:
    """Return the type of which `to_spec` has made this."""
    return from_spec(spec[0]) * spec[1] if isinstance(spec, tuple) else spec
