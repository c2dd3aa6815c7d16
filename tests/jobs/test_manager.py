"""Managed containers of a `jobs` context: on any worker, by value, and signed if there is a secret."""

from __future__ import annotations

import pickle

import pytest
import redis

import jobs
from broker.managers import SyncManager
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


class Total:
    """An object in a manager's process."""

    def __init__(self):
        self.value = 0

    def add(self, number):
        self.value += number
        return self.value


class Totals(SyncManager):
    pass


Totals.register("Total", Total)


@pytest.mark.slow
def test_a_process_uses_an_object_of_an_own_class(ctx):
    with Totals(ctx=ctx) as manager:
        total, results = manager.Total(), manager.set()

        def work(total, number):
            results.add(total.add(number))

        processes = [ctx.Process(target=work, args=(total, 5)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(TIMEOUT)
        assert [process.exitcode for process in processes] == [0, 0]
        assert (total.add(0), results.copy()) == (10, {5, 10})

        def start_manager_in_a_job():
            with Totals(ctx=ctx) as own:
                results.add(own.Total().add(7))

        process = ctx.Process(target=start_manager_in_a_job)
        process.start()
        process.join(TIMEOUT)
        assert 7 in results


class Trap:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


def test_an_item_without_a_signature_is_not_unpickled(
    url: str, connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LAB_SECRET", SECRET)
    with jobs.get_context(url) as context:
        manager = context.Manager()
        numbers, names, elements = manager.list([1, 2]), manager.dict(x=1), manager.set([1])
        assert (numbers[:], names["x"], elements.copy()) == ([1, 2], 1, {1})
        connection.lset(numbers._store._keys[1], 0, pickle.dumps(Trap()))
        [field] = connection.zrange(names._store._keys[2], 0, -1)
        connection.hset(names._store._keys[1], field, pickle.dumps(("x", Trap())))
        [field] = connection.zrange(elements._store._keys[2], 0, -1)
        connection.hset(elements._store._keys[1], field, pickle.dumps((1, Trap())))
        for read in (
            elements.copy,
            lambda: numbers[0],
            lambda: numbers[:],
            numbers.sort,
            lambda: names["x"],
            names.copy,
        ):
            with pytest.raises(SignatureError):
                read()
        assert numbers[1] == 2
        moved = connection.lindex(numbers._store._keys[1], 1)
        other = manager.list([5])
        connection.lset(other._store._keys[1], 0, moved)
        with pytest.raises(SignatureError):
            other.pop()
