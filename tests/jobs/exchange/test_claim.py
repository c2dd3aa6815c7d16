"""Workers that dequeue a process and do not claim it in time: killed, cut off, or too slow."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest
import rq

import jobs
from jobs.exchange import claim
from jobs.exchange.client import client
from jobs.exchange.job import SignedJob
from jobs.worker.worker import Worker, new_name
from tests.jobs.supervised_workers import SupervisedWorkers
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

QUEUE = "claimed"


@pytest.fixture
def context(url: str) -> Iterator[jobs.Context]:
    with jobs.get_context(url, queue=QUEUE) as context:
        yield context


@pytest.fixture
def queue(url: str) -> Iterator[rq.Queue]:
    with client(url) as connection:
        queue = rq.Queue(QUEUE, connection=connection, job_class=SignedJob)
        yield queue
        queue.delete()


class SlowWorker:
    """A worker that has dequeued a job, and claims it only when the test lets it."""

    def __init__(self, queue: rq.Queue) -> None:
        self.worker = Worker([queue], name=new_name(), connection=queue.connection)
        dequeued = rq.Queue.dequeue_any([queue], None, queue.connection, SignedJob)
        assert dequeued is not None
        self.job, self.queue = dequeued

    def resume(self) -> None:
        self.worker.execute_job(self.job, self.queue)
        queue = self.queue
        assert queue.connection.hget(self.worker.key, "state") == b"idle"
        assert not queue.started_job_registry.get_job_ids()
        queue.connection.delete(self.worker.key)


def started(context: jobs.Context) -> tuple[jobs.Process, object]:
    """Start a process that counts how often it runs."""
    runs = context.Semaphore(0)
    process = context.Process(target=runs.release)
    process.start()
    return process, runs


def test_a_process_whose_worker_is_lost_before_it_claims_it_is_run_by_another(context: jobs.Context, queue: rq.Queue):
    process, runs = started(context)
    SlowWorker(queue)
    with SupervisedWorkers(context.url, QUEUE) as supervisor:
        process.join(TIMEOUT)
        assert (process.exitcode, runs.get_value()) == (0, 1)
        supervisor.signal(signal.SIGTERM)
        supervisor.finish()


def test_a_worker_cannot_claim_a_process_that_was_requeued(
    context: jobs.Context, queue: rq.Queue, caplog: pytest.LogCaptureFixture
):
    process, runs = started(context)
    slow = SlowWorker(queue)
    wait_until(lambda: queue.count)
    with caplog.at_level(logging.WARNING, "jobs.worker.worker"):
        slow.resume()
    assert f"does not start {process.job.id}, which was requeued" in caplog.text
    assert runs.get_value() == 0
    assert queue.job_ids == [process.job.id]


def test_one_of_two_workers_that_dequeued_the_same_process_claims_it(context: jobs.Context, queue: rq.Queue):
    process, runs = started(context)
    slow = SlowWorker(queue)
    wait_until(lambda: queue.count)
    second = SlowWorker(queue)
    for worker in (slow, second):
        worker.resume()
    process.join(TIMEOUT)
    assert (process.exitcode, runs.get_value()) == (0, 1)


@pytest.mark.parametrize("same_worker", [False, True])
def test_a_process_that_was_enqueued_twice_runs_once(context: jobs.Context, queue: rq.Queue, same_worker: bool):
    """As it is if the reply to the parent is lost, and redis-py sends the transaction again."""
    process, runs = started(context)
    queue.push_job_id(process.job.id)
    first = SlowWorker(queue)
    if same_worker:
        first.resume()
        second = SlowWorker(queue)
        second.worker = first.worker
    else:
        second = SlowWorker(queue)
        first.resume()
    second.resume()
    process.join(TIMEOUT)
    assert (process.exitcode, runs.get_value()) == (0, 1)
    assert not claim.is_dequeued(queue, process.job.id)


def test_a_claimed_process_is_not_requeued_and_a_claim_can_be_repeated(context: jobs.Context, queue: rq.Queue):
    process, runs = started(context)
    slow = SlowWorker(queue)
    assert claim.claim_job(queue, process.job, slow.worker.name)
    assert not claim.is_dequeued(queue, process.job.id)
    assert not claim.requeue_job(queue, process.job.id)
    assert not queue.count
    assert not claim.claim_job(queue, process.job, "another")
    slow.resume()  # it claims the job again, as after a lost reply
    process.join(TIMEOUT)
    assert (process.exitcode, runs.get_value()) == (0, 1)


def test_a_process_whose_worker_is_lost_after_it_claimed_it_counts_as_killed(
    context: jobs.Context, queue: rq.Queue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("jobs.popen.MAX_STARTING_CHECKS", 3)
    process = context.Process(target=context.Event().wait)
    process.start()
    slow = SlowWorker(queue)
    assert claim.claim_job(queue, process.job, slow.worker.name)
    process.join(TIMEOUT)
    assert process.exitcode == -signal.SIGKILL
    slow.worker.perform_job(slow.job, queue, slow.worker.prepare_execution(slow.job))  # it was only cut off
    assert "exit code -9" in process.job.latest_result().exc_string
    queue.connection.delete(slow.worker.key)


@pytest.mark.usefixtures("signals")
def test_a_process_that_is_requeued_twice_is_in_the_queue_once(context: jobs.Context, queue: rq.Queue):
    process, _ = started(context)
    slow = SlowWorker(queue)
    wait_until(lambda: queue.count)
    slow.worker.request_stop(signal.SIGTERM, None)
    slow.worker.execute_job(slow.job, slow.queue)
    assert queue.job_ids == [process.job.id]
