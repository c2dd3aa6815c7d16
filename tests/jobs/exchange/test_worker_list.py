"""Who works on a queue, and who has stopped answering: from records, and of workers that are killed and stopped."""

from __future__ import annotations

import dataclasses
import signal

import pytest

import jobs
from jobs.exchange import worker_list
from jobs.exchange.worker_list import Record, Seen, judge
from tests.jobs.supervised_workers import Crew
from tests.support.actors import PATIENCE
from tests.support.clock import eventually

NOON = 1790000000.0
MOMENT = "2026-09-21T14:13:20.000000Z"  # the same in RQ's words
OWN = {
    "beat": "2",
    "hostname": "web1",
    "pid": "77",
    "state": "idle",
    "birth": "2026-09-21T14:12:20.000000Z",
    "last_heartbeat": MOMENT,
    "python_version": "3.11.7 (main, whatever)",
    "version": "3.0.0",
    "redis_version": "8.1.0",
    "project_version": "0.1.0",
}
RQS = {name: value for name, value in OWN.items() if name not in ("beat", "redis_version", "project_version")}


def record(fields: dict[str, str], **changes: object) -> Record:
    """A worker that was heard a second ago."""
    return dataclasses.replace(Record("web1/77/0", fields, NOON + 1, 299.0, 1, {}, ""), **changes)


def test_an_idle_worker():
    assert judge(record(OWN)) == Seen(
        name="web1/77/0",
        host="web1",
        pid=77,
        state="idle",
        doing=None,
        since=None,
        up=61.0,
        heard=1.0,
        trouble=None,
        python="3.11.7",
        rq="3.0.0",
        redis="8.1.0",
        project="0.1.0",
        ahead=0.0,
    )


@pytest.mark.parametrize(("silent", "trouble"), [(9.0, None), (11.0, "stopped or cut off")])
def test_a_worker_that_misses_five_beats_has_stopped_answering(silent: float, trouble: str | None):
    assert judge(record(OWN, left=300 - silent)).trouble == trouble


@pytest.mark.parametrize("fields", [OWN, RQS])
def test_a_worker_to_whose_channel_nobody_listens_is_dead(fields: dict[str, str]):
    assert judge(record(fields, listeners=0)).trouble == "killed or cut off"


@pytest.mark.parametrize(
    ("state", "silent", "answers"),
    [("idle", 420.0, True), ("idle", 490.0, False), ("busy", 80.0, True), ("busy", 100.0, False)],
)
def test_rqs_own_worker_is_given_the_time_that_rq_takes(state: str, silent: float, answers: bool):
    assert judge(record(RQS | {"state": state}, now=NOON + silent)).answers == answers


def test_a_hosts_wrong_clock_is_seen_and_changes_no_length_of_time():
    slow = judge(record(OWN, now=NOON + 101, left=299.0, execution={"created_at": str(NOON - 5)}))
    assert slow.ahead == -100
    assert (slow.since, slow.up, slow.heard, slow.trouble) == (6.0, 61.0, 1.0, None)


def test_a_functions_arguments_are_nobodys_business():
    busy = judge(record(OWN, execution={"created_at": str(NOON)}, description="shop.sell('secret')"))
    assert busy.doing == "shop.sell"


def seen(url: str, queue: str) -> dict[int, Seen]:
    return {worker.pid: worker for worker in worker_list.roster(url, queue)}


def test_what_each_does(url: str):
    with Crew(url, "shown", 2) as crew, jobs.get_context(url, queue="shown") as context:
        begun = context.Event()
        process = context.Process(target=lambda: (begun.set(), signal.pause()), name="client 7")
        process.start()
        assert begun.wait(PATIENCE)
        one, two = seen(url, "shown").values()
        assert {one.doing, two.doing} == {"client 7", None}
        assert {one.pid, two.pid} == {worker.pid for worker in crew.workers}
        assert one.name.startswith(f"{one.host}/{one.pid}/")
        assert all(abs(worker.ahead or 1) < 1 for worker in (one, two))


def test_a_killed_worker_is_named_at_once_and_a_stopped_one_within_its_beats(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worker_list, "SILENT", 4.0)
    with Crew(url, "gone", 2) as crew:
        killed, stopped = crew.workers
        crew.signal(signal.SIGSTOP)  # lest it start another
        killed.kill()
        eventually(lambda: seen(url, "gone")[killed.pid].trouble == "killed or cut off", 2.0)
        assert jobs.listening(url, "gone") == 1
        stopped.suspend()
        eventually(lambda: seen(url, "gone")[stopped.pid].trouble == "stopped or cut off")
        assert jobs.listening(url, "gone") == 0
        stopped.resume()
        eventually(lambda: seen(url, "gone")[stopped.pid].answers)
