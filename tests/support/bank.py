"""Objects of own classes in a manager's process, for tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker import Lock, ManagerLostError
from broker.managers import BaseManager, BaseProxy, SyncManager


class Account:
    """What the manager's process holds."""

    def __init__(self, balance: int = 0) -> None:
        self._balance = balance

    def deposit(self, amount: int) -> int:
        self._balance += amount
        return self._balance

    def fail(self) -> None:
        raise ArithmeticError("overdrawn")

    def wait_for(self, lock: Lock) -> bool:
        with lock:
            return True

    def split(self) -> Account:
        return Account(self._balance // 2)

    def pid(self) -> int:
        return os.getpid()

    def _secret(self) -> str:
        return "secret"

    def __iter__(self) -> Iterator[int]:
        return iter(range(3))


class IteratorProxy(BaseProxy):
    _exposed_ = ("__next__",)

    def __iter__(self) -> IteratorProxy:
        return self

    def __next__(self) -> Any:
        return self._callmethod("__next__")


class Bank(BaseManager):
    pass


Bank.register("Account", Account, method_to_typeid={"split": "Part", "__iter__": "Iterator"})
Bank.register("Part", create_method=False)
Bank.register("Secret", Account, exposed=("_secret",))
Bank.register("Iterator", proxytype=IteratorProxy, create_method=False)


class SyncBank(SyncManager):
    pass


SyncBank.register("Account", Account)


def lost(call: Callable[[], object]) -> None:
    with pytest.raises(ManagerLostError):
        call()
