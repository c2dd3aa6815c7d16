"""A pool whose processes are jobs behaves like multiprocessing's, and loses no task with a process."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import multiprocessing.pool
import os
import signal
import sys
import threading
import time
import weakref
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext

import psutil
import pytest
import redis

import jobs
from broker import ServerUnavailableError, UnsupportedError
from broker.messages.tasks import ResultReader, TaskWriter
from jobs.exchange.rq_queue import RqQueue
from jobs.exchange.task_queue import RESULT, Tasks
from jobs.tasks import MAX_FAILED_STARTS, Dispatcher
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until


@pytest.fixture
def pool(either):
    with either.Pool(2) as pool:
        yield pool


def square(number):
    return number * number


def test_map_in_all_its_forms(pool):
    numbers = range(20)
    squares = [number * number for number in numbers]
    assert pool.map(square, numbers) == squares
    assert pool.map(square, numbers, chunksize=7) == squares
    assert list(pool.imap(square, numbers)) == squares
    assert sorted(pool.imap_unordered(square, numbers, chunksize=3)) == squares
    assert pool.starmap(pow, [(2, 3), (3, 2)]) == [8, 9]
    assert pool.map_async(square, numbers).get(TIMEOUT) == squares
    assert pool.map(square, []) == []


def test_apply_in_all_its_forms(pool):
    values, called = [], threading.Event()
    assert pool.apply(int, ("ff",), {"base": 16}) == 255
    result = pool.apply_async(square, (3,), callback=lambda value: (values.append(value), called.set()))
    assert result.get(TIMEOUT) == 9
    assert called.wait(TIMEOUT)
    assert values == [9]
    assert result.successful()


def test_an_exception_is_raised_in_the_caller(pool):
    with pytest.raises(ValueError, match="invalid literal") as raised:
        pool.apply(int, ("many",))
    assert "Traceback (most recent call last)" in str(raised.value.__cause__)
    with pytest.raises(ZeroDivisionError):
        pool.starmap(divmod, [(1, 1), (1, 0)])


def test_a_result_that_cannot_be_pickled_is_an_error(pool):
    with pytest.raises(multiprocessing.pool.MaybeEncodingError, match="pickle"):
        pool.apply(threading.Lock)


def test_a_pool_is_closed_and_joined(either):
    pool = either.Pool(2, initializer=os.putenv, initargs=("ROOM", "4"))
    result = pool.map_async(square, range(10))
    pool.close()
    pool.join()
    assert result.get(0) == [number * number for number in range(10)]
    with pytest.raises(ValueError, match="Pool not running"):
        pool.apply(square, (1,))


def test_maxtasksperchild(either):
    with either.Pool(1, maxtasksperchild=2) as pool:
        pids = [pool.apply(os.getpid) for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_a_terminated_pool_kills_its_tasks(either):
    started = either.Semaphore(0)
    pool = either.Pool(2, initializer=started.release)
    result = pool.map_async(time.sleep, [60] * 8, chunksize=1)
    assert started.acquire(timeout=TIMEOUT)
    pool.terminate()
    pool.join()
    assert not result.ready()
    assert not multiprocessing.active_children()


def test_lambdas_can_be_sent(ctx):
    with ctx.Pool(1) as pool:
        assert pool.map(lambda number: number + 1, [1, 2]) == [2, 3]


def test_by_default_there_is_a_process_for_each_worker(ctx):
    with ctx.Pool() as pool:
        assert pool._processes == 2


def test_more_processes_than_workers(ctx):
    with ctx.Pool(5) as pool:
        assert pool.map(square, range(10)) == [number * number for number in range(10)]
        pool.close()
        pool.join()


@pytest.mark.parametrize("whole_host", [False, True])
def test_the_task_of_a_killed_process_is_run_by_another(url, tmp_path, whole_host):
    def task(number):
        if number == 3 and not marker.exists():
            marker.write_text(str(os.getpid()))
            signal.pause()
        return number * number

    marker = tmp_path / "pid"
    with jobs.Workers(url, "doomed", 1), jobs.get_context(url, queue="doomed") as context, context.Pool(1) as pool:
        result = pool.map_async(task, range(8), chunksize=1)
        wait_until(lambda: marker.exists() and marker.read_text())
        child = psutil.Process(int(marker.read_text()))
        for part in (child, child.parent(), child.parent().parent()) if whole_host else (child,):
            part.kill()
        with jobs.Workers(url, "doomed", 1) if whole_host else nullcontext():
            assert result.get(TIMEOUT) == [number * number for number in range(8)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed running multiprocessing pool:ResourceWarning")
def test_a_pool_that_is_dropped_frees_its_workers(ctx):
    for _ in range(3):  # each needs all workers that there are
        pool = ctx.Pool(2)
        dropped = weakref.ref(pool)
        assert pool.map(abs, [-1, -2], chunksize=1) == [1, 2]
        del pool
        gc.collect()
        assert dropped() is None


@pytest.mark.parametrize("leave", [os._exit, sys.exit])
@pytest.mark.parametrize("code", [0, 3])
def test_a_task_that_ends_its_process_is_not_repeated(ctx, tmp_path, leave, code):
    def task():
        with (tmp_path / "runs").open("a") as runs:
            print("run", file=runs)
        leave(code)

    with ctx.Pool(2) as pool:
        with pytest.raises(jobs.LostTaskError, match=f"its process exited with code {code} "):
            pool.apply_async(task).get(TIMEOUT)
        assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_task_whose_processes_are_killed_is_repeated_twice(ctx, tmp_path):
    def task():
        with (tmp_path / "runs").open("a") as runs:
            print("run", file=runs)
        os.kill(os.getpid(), signal.SIGKILL)

    with ctx.Pool(2) as pool:
        result = pool.map_async(lambda number: task() if number == 2 else number, range(4), chunksize=1)
        with pytest.raises(jobs.LostTaskError, match=r"3 processes were killed or lost .*-9, -9, -9"):
            result.get(TIMEOUT)
    assert (tmp_path / "runs").read_text() == 3 * "run\n"


_kept = None


def keep(event):
    global _kept
    _kept = event


def wait_for_kept():
    return _kept.wait(TIMEOUT)


class Unreadable:
    def __reduce__(self):
        return fail, ("it cannot be unpickled",)


def fail(reason="no"):
    raise RuntimeError(reason)


def test_an_argument_that_cannot_be_unpickled_is_an_error(ctx):
    with ctx.Pool(1) as pool:
        with pytest.raises(RuntimeError, match="it cannot be unpickled"):
            pool.apply_async(square, (Unreadable(),)).get(TIMEOUT)
        assert pool.apply(square, (3,)) == 9


def test_a_result_that_cannot_be_unpickled_is_an_error(ctx):
    with ctx.Pool(1) as pool:
        with pytest.raises(RuntimeError, match="it cannot be unpickled"):
            pool.apply_async(Unreadable).get(TIMEOUT)
        assert pool.apply(square, (3,)) == 9


def test_a_task_that_cannot_be_put_is_an_error(ctx, monkeypatch):
    def refuse(*_):
        raise ServerUnavailableError("no answer")

    with ctx.Pool(1) as pool:
        with monkeypatch.context() as patches:
            patches.setattr(TaskWriter, "put", refuse)
            results = [pool.apply_async(square, (3,)), pool.map_async(square, range(3), chunksize=1)]
            for result in results:
                with pytest.raises(ServerUnavailableError, match="no answer"):
                    result.get(TIMEOUT)
        assert pool.apply(square, (3,)) == 9


def test_results_that_cannot_be_read_are_errors(ctx, monkeypatch):
    """What the pool's tasks wait for cannot come; when the server answers again, the pool works."""
    refused = threading.Event()

    def refuse(_):
        refused.set()
        raise ServerUnavailableError("no answer")

    with ctx.Pool(1) as pool:
        with monkeypatch.context() as patches:
            patches.setattr(ResultReader, "read", refuse)
            pool.apply_async(square, (3,))  # its result ends the reading that has begun before
            assert refused.wait(TIMEOUT)
            with pytest.raises(ServerUnavailableError, match="no answer"):
                pool.apply_async(square, (3,)).get(TIMEOUT)
        assert pool.apply_async(square, (3,)).get(TIMEOUT) == 9


def test_a_terminated_pool_leaves_no_tasks_on_the_server(ctx, connection):
    with ctx.Pool(1) as pool:
        pool.map(square, range(3))
        keys = pool._inqueue._tasks._keys
        assert connection.exists(*keys)
    assert not connection.exists(*keys)


def test_a_process_that_cannot_be_started_is_replaced(ctx, monkeypatch, capfd):
    failures = iter([redis.ConnectionError("no connection"), redis.ResponseError("out of memory")])

    def enqueue(*arguments):
        for failure in failures:
            raise failure
        return original(*arguments)

    original = RqQueue.enqueue
    with ctx.Pool(1, maxtasksperchild=1) as pool:
        monkeypatch.setattr(RqQueue, "enqueue", enqueue)
        assert pool.map_async(square, range(3), chunksize=1).get(TIMEOUT) == [0, 1, 4]
    assert "did not start: no connection" in capfd.readouterr().err


def test_a_long_task_delays_no_other(either):
    with either.Pool(2, initializer=keep, initargs=(end := either.Event(),)) as pool:
        long = pool.apply_async(wait_for_kept)
        assert pool.map(square, range(30), chunksize=1) == [number * number for number in range(30)]
        assert not long.ready()
        end.set()
        assert long.get(TIMEOUT)


def test_tasks_begin_in_order(either):
    with either.Pool(1) as pool:
        assert list(pool.imap_unordered(square, range(50))) == [number * number for number in range(50)]


def test_results_arrive_while_a_generator_of_tasks_waits(either):
    more = threading.Event()

    def numbers():
        yield 3
        assert more.wait(TIMEOUT)
        yield 4

    with either.Pool(1) as pool:
        results = pool.imap(square, numbers())
        assert results.next(TIMEOUT) == 9
        more.set()
        assert results.next(TIMEOUT) == 16


def test_a_process_that_is_cut_off_delivers_nothing_when_it_counts_as_dead(ctx):
    """The pool takes its task back; what the process does after that is dropped, and it gets no other task."""
    dispatcher = Dispatcher(Tasks(context=ctx), 1)
    lost, other = dispatcher.side_of_process(None), dispatcher.side_of_process(None)
    for process in (lost, other):
        dispatcher.add_process(process)
    dispatcher.put_task((7, 0, square, (3,), {}))
    assert lost.get() == (7, 0, square, (3,), {})
    dispatcher.take_back(lost, -signal.SIGKILL)
    lost.put((7, 0, (True, "of the lost one")))
    assert lost.get() is None
    assert other.get() == (7, 0, square, (3,), {})
    other.put((7, 0, (True, 9)))
    dispatcher.put_task(None)
    assert other.get() is None
    dispatcher.put(None)
    assert [dispatcher.get_result(), dispatcher.get_result()] == [(7, 0, (True, 9)), None]
    dispatcher.close()


def test_a_task_that_was_run_twice_counts_once(ctx):
    tasks = Tasks(context=ctx)
    dispatcher = Dispatcher(tasks, 1)
    for number in range(2):
        dispatcher.put_task((7, number, square, (number,), {}))
    for number in (0, 0, 1, 0):
        tasks.add_result(tasks.pack(RESULT, (7, number), (True, number)))
    dispatcher.put(None)
    assert [dispatcher.get_result() for _ in range(3)] == [(7, 0, (True, 0)), (7, 1, (True, 1)), None]
    dispatcher.close()


def test_a_task_costs_little_more_than_one_request(ctx, connection):
    with ctx.Pool(1) as pool:
        pool.map(square, range(10))
        connection.config_resetstat()
        pool.map(square, range(500), chunksize=1)
        requests = connection.info("commandstats")["cmdstat_evalsha"]["calls"]
    # At most one reading for each result, if the pool waits for each; and now and then a heartbeat.
    assert requests < 500 * 2 + 100


@pytest.mark.parametrize(("initializer", "initargs"), [(fail, ()), (square, (Unreadable(),)), (os._exit, (4,))])
def test_a_pool_whose_processes_do_not_start_fails(ctx, capfd, initializer, initargs):
    with ctx.Pool(2, initializer, initargs) as pool:
        results = [pool.map_async(square, range(5)), pool.apply_async(square, (3,))]
        for result in results:
            with pytest.raises(BrokenProcessPool, match="the last 6 ended before they asked for a task"):
                result.get(TIMEOUT)
        with pytest.raises(BrokenProcessPool):
            pool.apply_async(square, (3,)).get(TIMEOUT)
        pool.close()
        pool.join()
    assert not multiprocessing.active_children()


def test_a_pool_whose_idle_processes_are_killed_works(ctx):
    with ctx.Pool(1) as pool:
        for _ in range(2 * MAX_FAILED_STARTS):
            os.kill(pool.apply(os.getpid), signal.SIGKILL)
        assert pool.apply(square, (3,)) == 9


def test_a_pool_whose_processes_are_killed_while_they_wait_works(ctx, connection):
    """As with multiprocessing: a Ctrl-C in a shell ends them all, and it may be the third one."""
    with ctx.Pool(1) as pool:
        waiting = pool._inqueue._tasks._keys[3]
        for killed in range(MAX_FAILED_STARTS + 1):
            wait_until(lambda killed=killed: connection.zcard(waiting) > killed and pool._pool[0].pid)
            os.kill(pool._pool[0].pid, signal.SIGKILL)
        assert pool.apply_async(square, (3,)).get(TIMEOUT) == 9


@pytest.mark.slow
def test_a_task_that_keeps_the_gil_is_not_repeated(ctx, tmp_path):
    def task():
        with (tmp_path / "runs").open("a") as runs:
            print("run", file=runs)
        ctypes.PyDLL(None).sleep(12)  # no thread of this process runs meanwhile

    with ctx.Pool(2) as pool:
        pool.apply_async(task).get(TIMEOUT)
    assert (tmp_path / "runs").read_text() == "run\n"


def test_large_arguments_and_results(ctx):
    with ctx.Pool(2) as pool:
        assert pool.map(len, [bytes(100 << 20)], chunksize=1) == [100 << 20]
        assert len(pool.apply(bytes, (100 << 20,))) == 100 << 20


def test_the_standard_librarys_pool_is_refused(ctx):
    with pytest.raises(UnsupportedError, match=r"use the context's own Pool"):
        multiprocessing.pool.Pool(1, context=ctx)
