"""An executor whose processes are jobs behaves like the standard library's."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeAlias

import pytest

import jobs
from broker import SimpleQueue, UnsupportedError
from broker.engine.handle import Handle
from jobs.exchange.client import client
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

Make: TypeAlias = Callable[..., ProcessPoolExecutor]

PROGRAM = """
import sys
import jobs
from broker import UnsupportedError

def square(number):
    return number * number

if __name__ == "__main__":
    executor = jobs.Executor(1, jobs.get_context(sys.argv[1]))
    executor.submit(square, 12).add_done_callback(lambda each: print("done", each.result()))
"""


@pytest.fixture
def make(either: Any) -> Make:
    """Make an executor in a context of jobs, or the standard library's, which shows what is right."""
    kind = jobs.Executor if isinstance(either, jobs.Context) else ProcessPoolExecutor
    return lambda workers, *arguments: kind(workers, either, *arguments)


def square(number: int) -> int:
    return number * number


def fail(text: str) -> None:
    raise LookupError(text)


def return_lock() -> object:
    return threading.Lock()


class UnpicklableError(Exception):
    def __init__(self) -> None:
        self.lock = threading.Lock()


def raise_unpicklable() -> None:
    raise UnpicklableError


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_map_in_all_its_forms(make: Make) -> None:
    with make(2) as executor:
        assert list(executor.map(square, range(20))) == [number * number for number in range(20)]
        assert list(executor.map(square, range(20), chunksize=7)) == [number * number for number in range(20)]
        assert list(executor.map(pow, [2, 3], [3, 2])) == [8, 9]
        assert list(executor.map(square, [])) == []


def test_submit_passes_arguments_and_returns_a_future(make: Make) -> None:
    with make(1) as executor:
        assert executor.submit(int, "ff", base=16).result(TIMEOUT) == 255
        future = executor.submit(fail, "nothing here")
        with pytest.raises(LookupError, match="nothing here"):
            future.result(TIMEOUT)
        assert "in fail" in str(future.exception().__cause__)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("function", "arguments"), [(square, (threading.Lock(),)), (return_lock, ()), (raise_unpicklable, ())]
)
def test_what_cannot_be_pickled_concerns_its_own_future(make: Make, function: Any, arguments: tuple[Any, ...]) -> None:
    with make(1) as executor:
        with pytest.raises(TypeError, match="cannot pickle"):
            executor.submit(function, *arguments).result(TIMEOUT)
        assert executor.submit(square, 3).result(TIMEOUT) == 9


def test_result_that_cannot_be_unpickled_concerns_its_own_future(ctx: jobs.Context) -> None:
    with jobs.Executor(1, ctx) as executor:
        with pytest.raises(ZeroDivisionError):
            executor.submit(Fragile).result(TIMEOUT)
        assert executor.submit(square, 3).result(TIMEOUT) == 9


class Fragile:
    def __reduce__(self) -> tuple[object, ...]:
        return divmod, (1, 0)


def test_a_callback_may_submit(make: Make) -> None:
    with make(1) as executor:
        second: list[Future[int]] = []
        submitted = threading.Event()

        def submit_another(_: object) -> None:
            second.append(executor.submit(square, 5))
            submitted.set()

        executor.submit(square, 4).add_done_callback(submit_another)
        assert submitted.wait(TIMEOUT)
        assert second[0].result(TIMEOUT) == 25


def test_waiting_calls_can_be_cancelled(make: Make, either: Any) -> None:
    go = either.Event()
    with make(1, go.wait) as executor:
        futures = [executor.submit(square, number) for number in range(5)]
        wait_until(futures[1].running)
        assert futures[4].cancel()
        assert not futures[0].cancel()
        executor.shutdown(wait=False, cancel_futures=True)
        wait_until(futures[3].cancelled)
        go.set()
        assert [future.result(TIMEOUT) for future in futures[:2]] == [0, 1]


def test_a_callback_may_shut_down(make: Make, either: Any) -> None:
    go, called = either.Event(), threading.Event()
    with make(1, go.wait) as executor:
        futures = [executor.submit(square, number) for number in range(5)]
        wait_until(futures[1].running)
        futures[4].add_done_callback(lambda _: (executor.shutdown(wait=False), called.set()))
        executor.shutdown(wait=False, cancel_futures=True)
        assert called.wait(TIMEOUT)
        go.set()
        assert futures[0].result(TIMEOUT) == 0


def test_shutdown_waits_for_what_was_submitted(make: Make) -> None:
    executor = make(2)
    futures = [executor.submit(square, number) for number in range(10)]
    executor.shutdown()
    assert all(future.done() for future in futures)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            executor.submit(square, 1)
        executor.shutdown()


def test_shutdown_of_an_executor_that_was_not_used(make: Make) -> None:
    make(2).shutdown()


def test_initializer_runs_in_each_process(make: Make) -> None:
    with make(2, os.putenv, ("ROOM", "4")) as executor:
        assert executor.submit(subprocess.check_output, "echo $ROOM", shell=True).result(TIMEOUT) == b"4\n"


@pytest.mark.parametrize(("function", "arguments"), [(os._exit, (0,)), (os._exit, (3,)), (kill_itself, ())])
def test_process_that_ends_abruptly_breaks_the_executor(
    make: Make, either: Any, function: Callable[..., object], arguments: tuple[Any, ...]
) -> None:
    go = either.Event()
    executor = make(2, go.wait)
    futures = [executor.submit(function, *arguments) for _ in range(6)]
    go.set()
    for future in futures:
        with pytest.raises(BrokenProcessPool, match="terminated abruptly"):
            future.result(TIMEOUT)
    with pytest.raises(BrokenProcessPool, match="not usable anymore"):
        executor.submit(square, 1)
    executor.shutdown()


def test_initializer_that_raises_breaks_the_executor(make: Make) -> None:
    with make(1, fail, ("no",)) as executor, pytest.raises(BrokenProcessPool):
        executor.submit(square, 1).result(TIMEOUT)


def test_broken_executor_frees_its_workers(ctx: jobs.Context) -> None:
    for _ in range(2):  # both workers, twice
        with jobs.Executor(2, ctx) as executor:
            executor.submit(square, 1)
            with pytest.raises(BrokenProcessPool):
                executor.submit(kill_itself).result(TIMEOUT)
    with jobs.Executor(2, ctx) as executor:
        assert executor.submit(square, 2).result(TIMEOUT) == 4


def test_broken_executor_that_is_shut_down_leaves_no_keys(ctx: jobs.Context) -> None:
    executor = jobs.Executor(2, ctx)
    with pytest.raises(BrokenProcessPool):
        executor.submit(kill_itself).result(TIMEOUT)
    queues = executor._calls._calls.name, executor._calls._results.name
    executor.shutdown()
    executor.shutdown()
    assert not keys_of(ctx, queues)


def test_executor_that_is_shut_down_while_it_deletes_its_queues_leaves_no_keys(
    ctx: jobs.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = jobs.Executor(1, ctx)
    deleted, shut_down = threading.Event(), threading.Event()

    def wait_after_delete(queue: SimpleQueue) -> None:
        Handle.delete(queue)
        if queue is executor._calls._results:
            deleted.set()
            shut_down.wait(TIMEOUT)

    monkeypatch.setattr(SimpleQueue, "delete", wait_after_delete)
    with pytest.raises(BrokenProcessPool):
        executor.submit(kill_itself).result(TIMEOUT)
    queues = executor._calls._calls.name, executor._calls._results.name
    assert deleted.wait(TIMEOUT)
    executor.shutdown(wait=False)
    shut_down.set()
    executor.shutdown()
    assert not keys_of(ctx, queues)


def keys_of(ctx: jobs.Context, names: tuple[str, ...]) -> list[bytes]:
    with client(ctx.url) as connection:
        return [key for name in names for key in connection.keys(f"*{name}*")]


def test_executor_that_is_dropped_frees_its_workers(ctx: jobs.Context) -> None:
    for _ in range(3):
        executor = jobs.Executor(2, ctx)
        assert list(executor.map(square, range(4))) == [0, 1, 4, 9]
        reference = weakref.ref(executor)
        del executor
        gc.collect()
        assert reference() is None
    wait_until(lambda: not ctx.active_children())


def test_process_ends_after_its_number_of_calls(ctx: jobs.Context) -> None:
    with jobs.Executor(2, ctx, max_tasks_per_child=2) as executor:
        pids = [executor.submit(os.getpid) for _ in range(8)]
        counts = [[future.result(TIMEOUT) for future in pids].count(pid) for pid in {each.result() for each in pids}]
    assert max(counts) <= 2
    assert len(counts) >= 4


def test_by_default_as_many_processes_as_workers_and_none_before_it_is_needed(ctx: jobs.Context) -> None:
    with jobs.Executor(mp_context=ctx) as executor:
        assert executor._max_workers == 2
        assert ctx.active_children() == []
        executor.submit(square, 1).result(TIMEOUT)
        assert len(ctx.active_children()) == 1


def test_nothing_stays_on_the_server(ctx: jobs.Context, url: str) -> None:
    with jobs.Executor(1, ctx) as executor:
        executor.submit(square, 1).result(TIMEOUT)
        keys = [key for queue in (executor._calls._calls, executor._calls._results) for key in queue._keys]
    with client(url) as connection:
        assert connection.exists(*keys) == 0


def test_forked_child_does_not_end_its_parents_executor(ctx: jobs.Context) -> None:
    with jobs.Executor(1, ctx) as executor:
        pid = executor.submit(os.getpid).result(TIMEOUT)
        child = multiprocessing.get_context("fork").Process(target=executor.shutdown)
        child.start()
        child.join()
        assert child.exitcode == 0
        assert executor.submit(os.getpid).result(TIMEOUT) == pid


def test_calls_are_run_before_the_program_ends(url: str, workers: jobs.Workers, tmp_path: Any) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py", url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=3 * TIMEOUT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done 144\n", "")


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (ValueError, {"max_workers": 0}),
        (ValueError, {"max_tasks_per_child": 0}),
        (TypeError, {"initializer": "no function"}),
    ],
)
def test_invalid_arguments(ctx: jobs.Context, error: type[Exception], options: dict[str, Any]) -> None:
    with pytest.raises(error):
        jobs.Executor(mp_context=ctx, **options)


def test_it_is_an_executor_of_the_standard_library() -> None:
    assert issubclass(jobs.Executor, ProcessPoolExecutor)
    assert issubclass(jobs.Executor, Executor)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_standard_librarys_executor_is_refused(url, method):
    refused = pytest.raises(UnsupportedError, match=r"jobs\.Executor, which takes the same")
    with jobs.get_context(url, method=method) as ctx, refused:
        ProcessPoolExecutor(1, mp_context=ctx)
