"""The user of broker.acl may do what broker, jobs and lab need, and nothing else."""

from __future__ import annotations

import operator
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
import rq

import broker
import jobs
from jobs.exchange.client import client
from jobs.exchange.control import liveness_lock
from tests.security.conftest import COMMAND, Access, RunLab, assert_no_secrets
from tests.support.actors import TIMEOUT
from tests.support.secured_server import ACL_RULES
from tests.support.waiting import wait_until

GRANTED = set(re.findall(r"\+(\S+)", ACL_RULES))
EXERCISES = {
    "tickets": "--clients 8 --pace 0.02",
    "ktv": "--guests 6 --pace 0.05",
    "traffic": "--vehicles 6 --pace 0.05",
}


@pytest.mark.slow
def test_granted_commands_are_sufficient_and_all_used(
    secured: Access, admin: redis.Redis, lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_SECRET", "what only the lab and its workers know")
    admin.config_resetstat()
    admin.acl_log_reset()
    use_the_broker(secured.url)
    use_jobs(secured.url)
    for exercise, size in EXERCISES.items():
        done = lab(secured, "compare", exercise, *size.split(), "--on", "redis,rq")
        assert done.returncode == 0, done.stderr
    used = commands_used(admin.info("commandstats"))
    refused = {entry["object"] for entry in admin.acl_log()}
    assert refused <= {"client", "client|setinfo"}, "only redis-py reporting its version, which may be refused"
    unused = {command for command in GRANTED if not {command, command.partition("|")[0]} & used}
    assert not unused, "these commands are not needed"


def commands_used(stats: dict[str, Any]) -> set[str]:
    """Return the commands that were run; Redis 6.2 does not distinguish subcommands."""
    return {name.removeprefix("cmdstat_") for name, figures in stats.items() if figures["calls"]}


def use_the_broker(url: str) -> None:
    with broker.get_context(url.replace("/0", "/1")) as other_database:  # SELECT
        other_database.Lock().acquire()
    with broker.get_context(url) as ctx:
        lock, items, tasks = ctx.Lock(), ctx.Queue(1), ctx.JoinableQueue(lease=1.0)
        total = ctx.Value("i", 5)
        total.value += total.add(1)
        numbers, names = ctx.Manager().list([1, 2]), ctx.Manager().dict(x=1)
        numbers[0] = numbers.pop(0)
        names.popitem()
        semaphore, event, (here, there) = ctx.Semaphore(1), ctx.Event(), ctx.Pipe()
        helper = ctx.Process(target=use_in_a_child, args=(lock, items, tasks, semaphore, event, there))
        with lock:
            helper.start()
            here.recv()
            tasks.put("a task")
        event.set()
        items.put(1)
        items.put(2)
        semaphore.release()
        helper.join(TIMEOUT)
        assert helper.exitcode == 0
        assert tasks.get(timeout=TIMEOUT) == "a task", "it returns from a process that ended without task_done()"
        tasks.task_done()
        tasks.join()
        assert (semaphore.get_value(), event.is_set(), items.qsize()) == (2, True, 0)
        with pytest.raises(EOFError):
            (there.close(), here.recv())
        board = ctx.Board(1.0)
        with ctx.Heartbeat(board, "me", daemon=False):
            assert "me" in board.snapshot().alive
            list(board.watch(1.5))  # its second read asks only for what has changed
            board.forget("nobody")
            assert "Board" in {primitive.kind for primitive in ctx.primitives()}
        event.clear()
        use_condition_and_barrier(ctx)


def use_condition_and_barrier(ctx: broker.Context) -> None:
    condition, barrier = ctx.Condition(), ctx.Barrier(2, list)
    other = threading.Thread(target=notify_and_arrive, args=(condition, barrier))
    with condition:
        other.start()
        assert condition.wait(TIMEOUT)
        assert not condition.wait(0.01)
    barrier.wait(TIMEOUT)
    other.join()
    with pytest.raises(broker.BrokenBarrierError):
        barrier.wait(0.01)
    barrier.reset()


def notify_and_arrive(condition: broker.Condition, barrier: broker.Barrier) -> None:
    with condition:
        condition.notify()
    barrier.wait(TIMEOUT)


def use_in_a_child(lock: Any, items: Any, tasks: Any, semaphore: Any, event: Any, end: Any) -> None:
    end.send("here I am")
    with lock:
        assert event.wait(TIMEOUT)
    with semaphore:
        assert (items.get(), items.get()) == (1, 2)
    assert tasks.get() == "a task"


def use_jobs(url: str) -> None:
    with jobs.Workers(url, "own", 1), jobs.get_context(url, queue="own") as ctx:
        killed = ctx.Process(target=time.sleep, args=(60,))
        killed.start()
        wait_until(lambda: killed.pid)
        lock = liveness_lock(url, killed._popen.job.id)
        lock.delete()  # as if the server had lost its data: the job has to ask whether it is still known
        wait_until(lock.locked)
        killed.kill()
        killed.join(TIMEOUT)
        assert killed.exitcode == -signal.SIGKILL
        with ctx.Pool(1) as pool:
            assert pool.map(abs, [-1]) == [1]
    environment = os.environ | {"LAB_REDIS_URL": url}
    with client(url) as connection:
        queue = rq.Queue("lab", connection=connection, job_class=jobs.SignedJob)
        worker = subprocess.Popen([COMMAND, "worker", "-n", "1"], env=environment, stdout=subprocess.PIPE, text=True)
        try:
            failing = queue.enqueue(operator.truediv, 1, 0, retry=rq.Retry(max=1), result_ttl=-1)
            wait_until(lambda: failing.get_status() == "failed")
            kept = queue.enqueue(operator.add, 1, 2, result_ttl=-1)
            assert kept.latest_result(timeout=TIMEOUT).return_value == 3
            assert kept.return_value() == 3
            assert jobs.worker_count(url, "lab") == 1
            subprocess.run([COMMAND, "workers"], env=environment, stdout=subprocess.DEVNULL, check=True)
            for command in ("locks", "top"):
                subprocess.run([COMMAND, command], env=environment, stdout=subprocess.DEVNULL, check=True)
        finally:
            worker.terminate()
            output, _ = worker.communicate(timeout=TIMEOUT)
        assert_no_secrets(output)
        for job in (failing, kept):
            job.delete()


@pytest.mark.parametrize(
    ("attempt", "why"),
    [
        (lambda user: user.set("somebody-elses", 1), "key"),
        (lambda user: user.get("somebody-elses"), "key"),
        (lambda user: user.publish("somebody-elses", "hello"), "channel"),
        (lambda user: user.keys("*"), "command"),
        (lambda user: user.flushall(), "command"),
        (lambda user: user.config_get("dir"), "command"),
        (lambda user: user.config_set("dir", "/"), "command"),
        (lambda user: user.acl_list(), "command"),
        (lambda user: user.client_kill("127.0.0.1:1"), "command"),
        (lambda user: user.execute_command("MONITOR"), "command"),
        (lambda user: user.shutdown(), "command"),
        (lambda user: user.eval("return redis.call('GET', 'somebody-elses')", 0), "key"),
    ],
)
def test_everything_else_is_refused(secured: Access, attempt: Callable[[redis.Redis], object], why: str) -> None:
    with (
        redis.Redis.from_url(secured.url, protocol=2) as user,
        pytest.raises(redis.ResponseError, match=rf"(?i)(permissions|can't access|can't run).*{why}"),
    ):
        attempt(user)


def test_default_user_is_disabled(secured: Access) -> None:
    scheme, _, address = secured.url.partition("lab:")
    with pytest.raises(broker.UnsuitableServerError, match="right credentials"):
        broker.get_context(scheme + address.rpartition("@")[2])


def test_documented_commands_are_those_granted() -> None:
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    commands = set(re.findall(r"`([a-z|]+)`", text[text.index("these commands:") : text.index("A test runs")]))
    assert commands == GRANTED
