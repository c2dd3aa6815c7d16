"""The workers of a queue: what follows from their records, and how killed and paused workers are shown."""

from __future__ import annotations

import signal

import pytest

import jobs
from jobs.exchange import worker_list
from jobs.exchange.worker_list import WorkerInfo, worker_info
from tests.jobs.supervised_workers import SupervisedWorkers
from tests.support.actors import SLACK, TIMEOUT
from tests.support.waiting import wait_until
from tests.support.worker_records import LAST_HEARTBEAT, OUR_FIELDS, RQ_FIELDS, make_record


def test_an_idle_worker():
    assert worker_info(make_record(OUR_FIELDS)) == WorkerInfo(
        name="web1/77/0",
        host="web1",
        pid=77,
        state="idle",
        current_job=None,
        running_for=None,
        uptime=61.0,
        heartbeat_age=1.0,
        problem=None,
        python="3.11.7",
        rq="3.0.0",
        redis="8.1.0",
        project="0.1.0",
        clock_offset=0.0,
    )


@pytest.mark.parametrize(("age", "problem"), [(9.0, None), (11.0, "paused or cut off")])
def test_a_worker_that_misses_five_heartbeats_does_not_respond(age: float, problem: str | None):
    assert worker_info(make_record(OUR_FIELDS, ttl=300 - age)).problem == problem


@pytest.mark.parametrize("fields", [OUR_FIELDS, RQ_FIELDS])
def test_a_worker_whose_channel_has_no_subscriber_is_dead(fields: dict[str, str]):
    assert worker_info(make_record(fields, subscribers=0)).problem == "killed or cut off"


@pytest.mark.parametrize(
    ("state", "age", "responds"),
    [("idle", 420.0, True), ("idle", 490.0, False), ("busy", 80.0, True), ("busy", 100.0, False)],
)
def test_rqs_own_worker_has_a_longer_timeout(state: str, age: float, responds: bool):
    assert worker_info(make_record(RQ_FIELDS | {"state": state}, now=LAST_HEARTBEAT + age)).responds == responds


def test_a_hosts_wrong_clock_is_shown_and_changes_no_duration():
    execution = {"created_at": str(LAST_HEARTBEAT - 5)}
    slow = worker_info(make_record(OUR_FIELDS, now=LAST_HEARTBEAT + 101, ttl=299.0, execution=execution))
    assert slow.clock_offset == -100
    assert (slow.running_for, slow.uptime, slow.heartbeat_age, slow.problem) == (6.0, 61.0, 1.0, None)


def test_a_functions_arguments_are_not_shown():
    execution = {"created_at": str(LAST_HEARTBEAT)}
    busy = worker_info(make_record(OUR_FIELDS, execution=execution, description="shop.sell('secret')"))
    assert busy.current_job == "shop.sell"


def by_pid(url: str, queue: str) -> dict[int, WorkerInfo]:
    return {worker.pid: worker for worker in worker_list.list_workers(url, queue)}


def test_the_current_job_of_each_worker(url: str):
    with SupervisedWorkers(url, "shown", 2) as supervisor, jobs.get_context(url, queue="shown") as context:
        started = context.Event()
        process = context.Process(target=lambda: (started.set(), signal.pause()), name="client 7")
        process.start()
        assert started.wait(TIMEOUT)
        one, two = by_pid(url, "shown").values()
        assert {one.current_job, two.current_job} == {"client 7", None}
        assert {one.pid, two.pid} == {worker.pid for worker in supervisor.workers}
        assert one.name.startswith(f"{one.host}/{one.pid}/")
        assert all(abs(worker.clock_offset or SLACK) < SLACK for worker in (one, two))


def test_a_killed_worker_is_reported_at_once_and_a_paused_one_after_the_timeout(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker_list, "HEARTBEAT_TIMEOUT", 4.0)
    with SupervisedWorkers(url, "gone", 2) as supervisor:
        killed, paused = supervisor.workers
        supervisor.signal(signal.SIGSTOP)  # lest it start another
        killed.kill()
        wait_until(lambda: by_pid(url, "gone")[killed.pid].problem == "killed or cut off", 2.0)
        assert jobs.worker_count(url, "gone") == 1
        paused.suspend()
        wait_until(lambda: by_pid(url, "gone")[paused.pid].problem == "paused or cut off")
        assert jobs.worker_count(url, "gone") == 0
        paused.resume()
        wait_until(lambda: by_pid(url, "gone")[paused.pid].responds)
