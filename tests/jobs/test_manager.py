"""Managed containers of a `jobs` context: on any worker, by value, and signed if there is a secret."""

from __future__ import annotations

import pickle

import pytest
import redis

import jobs
from jobs.exchange.signing import SignatureError
from tests.support.actors import TIMEOUT

SECRET = "a secret that is long enough for everybody"


def test_a_process_uses_the_containers_of_a_manager(ctx):
    with ctx.Manager() as manager:
        names, numbers = manager.dict(first=manager.list([1])), manager.Namespace(function=lambda number: number + 1)

        def work():
            names["first"].append(numbers.function(1))
            names["second"] = {"x": 2}

        process = ctx.Process(target=work)
        process.start()
        process.join(TIMEOUT)
        assert process.exitcode == 0
        assert (names["first"][:], names["second"]) == ([1, 2], {"x": 2})
        with manager.Pool(1) as pool:
            assert pool.map(names["first"].count, [1, 3]) == [1, 0]


class Trap:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


def test_an_item_without_a_signature_is_not_unpickled(
    url: str, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LAB_SECRET", SECRET)
    with jobs.get_context(url) as context:
        manager = context.Manager()
        numbers, names = manager.list([1, 2]), manager.dict(x=1)
        assert (numbers[:], names["x"]) == ([1, 2], 1)
        connection.lset(numbers._store._keys[1], 0, pickle.dumps(Trap()))
        [field] = connection.hkeys(names._store._keys[1])
        connection.hset(names._store._keys[1], field, pickle.dumps(("x", Trap())))
        for read in (lambda: numbers[0], lambda: numbers[:], numbers.sort, lambda: names["x"], names.copy):
            with pytest.raises(SignatureError):
                read()
        assert numbers[1] == 2
        moved = connection.lindex(numbers._store._keys[1], 1)
        other = manager.list([5])
        connection.lset(other._store._keys[1], 0, moved)
        with pytest.raises(SignatureError):
            other.pop()
