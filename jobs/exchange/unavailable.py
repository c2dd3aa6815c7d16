"""What stands in a process for something of its parent's that cannot be sent: it says so when it is used."""

from __future__ import annotations

from typing import Any, NoReturn

from broker.errors import BrokerError


class UnavailableError(BrokerError):
    """Raised where a process uses a variable of its parent's program whose value could not be sent to it."""


class Unavailable:
    """Stands for a value that cannot be pickled; whatever is done with it raises `UnavailableError`."""

    def __init__(self, what: str) -> None:
        object.__setattr__(self, "_what", what)

    def __reduce__(self) -> tuple[object, ...]:
        return Unavailable, (object.__getattribute__(self, "_what"),)

    def __repr__(self) -> str:
        return f"<unavailable: {object.__getattribute__(self, '_what')}>"

    def __getattr__(self, name: str) -> NoReturn:
        _refuse(self)


def _refuse(self: Unavailable, *_: Any, **__: Any) -> NoReturn:
    raise UnavailableError(object.__getattribute__(self, "_what"))


for _name in (
    *("__call__", "__enter__", "__exit__", "__iter__", "__next__", "__len__", "__bool__", "__contains__"),
    *("__getitem__", "__setitem__", "__delitem__", "__setattr__", "__delattr__", "__eq__", "__hash__", "__lt__"),
    *("__le__", "__gt__", "__ge__", "__add__", "__radd__", "__sub__", "__mul__", "__int__", "__float__", "__index__"),
    *("__str__", "__bytes__", "__format__", "__await__", "__aiter__", "__anext__", "__aenter__", "__aexit__"),
):
    setattr(Unavailable, _name, _refuse)
