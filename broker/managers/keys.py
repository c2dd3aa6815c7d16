"""Keys of mappings: the bytes by which a key is found, which are the same for equal keys in any process.

Text and integers, the most frequent keys, have short ones. The others are pickled, and no pickle begins with a letter.
"""

from __future__ import annotations

import contextlib
import io
import pickle
from fractions import Fraction
from numbers import Number
from typing import Any

LARGE = 2**63  # for integers below it, their digits are shorter than their pickle, and faster


def field_of(key: Any) -> bytes:
    """Return the bytes for a key; raise `TypeError` if it is not hashable."""
    if type(key) is str:
        return b"s" + key.encode("utf-8", "surrogatepass")
    hash(key)
    same = _canonical(key)
    if type(same) is int and abs(same) < LARGE:
        return b"i%d" % same
    return _dumps(same)


def _canonical(key: Any) -> Any:
    """Return what is pickled for a key: the same for numbers that are equal, and for sets in any order."""
    if isinstance(key, Number):
        return _canonical_number(key)
    if type(key) is tuple:
        return tuple(map(_canonical, key))
    if type(key) is frozenset:
        return frozenset, sorted(_dumps(_canonical(each)) for each in key)
    return key


def _canonical_number(number: Any) -> Any:
    if type(number) is int:
        return number
    if isinstance(number, complex) and number.imag == 0:
        number = number.real
    for kind in (int, float, Fraction, complex):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            if (same := kind(number)) == number:
                return same
    return number


def _dumps(obj: Any) -> bytes:
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, 4)
    pickler.fast = True  # else it depends on which parts are the same object
    pickler.dump(obj)
    return buffer.getvalue()
