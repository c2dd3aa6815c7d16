"""Workers that take a process off the queue and do not begin it: killed, cut off, or too slow."""

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
from tests.jobs.supervised_workers import Crew
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

QUEUE = "taking"


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


class Slow:
    """A worker that takes a job at once, and is in no hurry to begin it."""

    def __init__(self, queue: rq.Queue) -> None:
        self.worker = Worker([queue], name=new_name(), connection=queue.connection)
        taken = rq.Queue.dequeue_any([queue], None, queue.connection, SignedJob)
        assert taken is not None
        self.job, self.queue = taken

    def go_on(self) -> None:
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


def test_a_process_whose_worker_was_lost_before_it_began_is_run_by_another(context: jobs.Context, queue: rq.Queue):
    process, runs = started(context)
    Slow(queue)
    with Crew(context.url, QUEUE) as crew:
        process.join(TIMEOUT)
        assert (process.exitcode, runs.get_value()) == (0, 1)
        crew.signal(signal.SIGTERM)
        crew.finish()


def test_a_worker_that_comes_too_late_does_not_begin(
    context: jobs.Context, queue: rq.Queue, caplog: pytest.LogCaptureFixture
):
    process, runs = started(context)
    slow = Slow(queue)
    wait_until(lambda: queue.count)
    with caplog.at_level(logging.WARNING, "jobs.worker.worker"):
        slow.go_on()
    assert "too late" in caplog.text
    assert runs.get_value() == 0
    assert queue.job_ids == [process.job.id]


def test_of_two_workers_that_took_the_same_process_one_begins_it(context: jobs.Context, queue: rq.Queue):
    process, runs = started(context)
    slow = Slow(queue)
    wait_until(lambda: queue.count)
    second = Slow(queue)
    for worker in (slow, second):
        worker.go_on()
    process.join(TIMEOUT)
    assert (process.exitcode, runs.get_value()) == (0, 1)


def test_a_process_that_has_begun_is_not_put_back_and_a_lost_reply_loses_no_process(
    context: jobs.Context, queue: rq.Queue
):
    process, runs = started(context)
    slow = Slow(queue)
    assert claim.claim_job(queue, process.job, slow.worker.name)
    assert not claim.is_dequeued(queue, process.job.id)
    assert not claim.requeue_job(queue, process.job.id)
    assert not queue.count
    assert not claim.claim_job(queue, process.job, "another")
    slow.go_on()  # it asks again, as after a lost reply
    process.join(TIMEOUT)
    assert (process.exitcode, runs.get_value()) == (0, 1)


@pytest.mark.usefixtures("signals")
def test_one_that_was_put_back_once_too_often_stands_in_the_queue_once(context: jobs.Context, queue: rq.Queue):
    process, _ = started(context)
    slow = Slow(queue)
    wait_until(lambda: queue.count)
    slow.worker.request_stop(signal.SIGTERM, None)
    slow.worker.execute_job(slow.job, slow.queue)
    assert queue.job_ids == [process.job.id]
