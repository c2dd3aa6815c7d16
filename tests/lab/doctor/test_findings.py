"""The doctor's findings, from facts that are written by hand."""

from __future__ import annotations

import dataclasses

import pytest

from jobs.exchange.worker_list import WorkerInfo, worker_info
from lab.doctor.facts import Clock, Examined, ServerFacts, Versions
from lab.doctor.finding import Finding, Grade
from lab.doctor.server_findings import of_server
from lab.doctor.worker_findings import of_workers
from tests.jobs.exchange.test_worker_list import OURS, record

INFO = {
    "redis_version": "7.0.15",
    "maxmemory": "0",
    "maxmemory_policy": "noeviction",
    "used_memory": "1000000",
    "total_system_memory": "8000000000",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "maxclients": "10000",
    "connected_clients": "12",
}
LIMITS = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
SETTINGS = {"appendfsync": "everysec", "save": "", "client-output-buffer-limit": LIMITS}
SOUND = ServerFacts(INFO, SETTINGS, Clock(0.0, 1e-4), 2e-4)
HERE = Versions("3.11.7", "3.0.0", "8.1.0", "0.1.0")


def sick(facts: ServerFacts) -> dict[str, Finding]:
    return {finding.about: finding for finding in of_server(facts) if finding.grade is Grade.WRONG}


def test_a_sound_server():
    assert {finding.grade for finding in of_server(SOUND)} == {Grade.OK}


@pytest.mark.parametrize(
    ("info", "about", "text", "mend"),
    [
        ({"redis_version": "6.0.16"}, "version", "Redis 6.0.16: scripts", "update it to 6.2"),
        ({"maxmemory": "5000000", "maxmemory_policy": "allkeys-lru"}, "eviction", "lets two in", "noeviction"),
        ({"maxmemory": "1100000"}, "memory", "976.6 KB of 1.0 MB", "raise maxmemory"),
        ({"aof_enabled": "0"}, "persistence", "loses every lock, queue and job", "appendonly yes"),
        ({"aof_last_write_status": "err"}, "persistence", "aof_last_write_status is err", "disk"),
        ({"connected_clients": "9800"}, "clients", "9800 of 10000", "CONFIG SET maxclients 20000"),
    ],
)
def test_what_info_tells(info: dict[str, str], about: str, text: str, mend: str):
    found = sick(dataclasses.replace(SOUND, info=INFO | info))
    assert list(found) == [about]
    assert text in found[about].text
    assert mend in found[about].mend


@pytest.mark.parametrize(
    ("settings", "about", "text"),
    [
        ({"appendfsync": "no"}, "persistence", "a power failure loses"),
        ({"client-output-buffer-limit": LIMITS.replace("33554432", "65536")}, "messages", "64.0 KB unread is cut off"),
        ({"client-output-buffer-limit": "pubsub 0 0 0"}, "messages", "without limit"),
    ],
)
def test_what_settings_tell(settings: dict[str, str], about: str, text: str):
    found = sick(dataclasses.replace(SOUND, settings=SETTINGS | settings))
    assert list(found) == [about]
    assert text in found[about].text


def test_snapshots_alone_are_said_to_lose_less():
    facts = dataclasses.replace(SOUND, info=INFO | {"aof_enabled": "0"}, settings=SETTINGS | {"save": "3600 1"})
    assert "all since its last snapshot" in sick(facts)["persistence"].text


def test_eviction_without_a_limit_on_memory_does_no_harm():
    assert not sick(dataclasses.replace(SOUND, info=INFO | {"maxmemory_policy": "allkeys-lru"}))


@pytest.mark.parametrize(
    ("clock", "grade"),
    [
        (Clock(0.9, 0.0), Grade.OK),
        (Clock(-1.1, 0.0), Grade.WRONG),
        (Clock(1.5, 0.6), Grade.OK),  # it may be as little as 0.9
    ],
)
def test_a_clock_is_wrong_only_beyond_its_error(clock: Clock, grade: Grade):
    assert ("clock" in sick(dataclasses.replace(SOUND, clock=clock))) == (grade is Grade.WRONG)


def test_a_far_server():
    assert "50.0 ms" in sick(dataclasses.replace(SOUND, round_trip=0.05))["round trip"].text


def test_what_a_user_may_not_see_is_said():
    blind = of_server(ServerFacts(None, None, None, None))
    assert {finding.grade for finding in blind} == {Grade.UNSEEN}
    assert {command for finding in blind for command in ("INFO", "TIME", "CONFIG GET") if command in finding.text} == {
        "INFO",
        "TIME",
        "CONFIG GET",
    }


def worker(number: int = 0, **changes: object) -> WorkerInfo:
    return dataclasses.replace(worker_info(record(OURS)), name=f"web1/{number}", **changes)


def probed(number: int = 0, **changes: object) -> Examined:
    return dataclasses.replace(Examined(f"web1/{number}", "web1", HERE, (), Clock(0.0, 1e-3)), **changes)


def texts(seen: list[WorkerInfo], examined: list[Examined]) -> list[tuple[str, str]]:
    return [(finding.grade.value, finding.text) for finding in of_workers(seen, examined, HERE)]


def test_no_workers_and_good_ones():
    assert texts([], []) == [("ok", "none listen; the lab starts its own for each run")]
    assert texts([worker(0), worker(1)], [probed(0), probed(1)]) == [
        ("ok", "2 workers, with the versions of this host")
    ]


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        (Versions("3.12.1", "3.0.0", "8.1.0", "0.1.0"), "Python 3.12 there, 3.11 here"),
        (Versions("3.11.2", "2.6.0", "8.1.0", "0.1.0"), "rq 2.6.0 there, 3.0.0 here"),
        (Versions("3.11.2", "3.0.0", "8.0.0", "0.1.0"), "redis 8.0.0 there, 8.1.0 here"),
        (Versions("3.11.2", "3.0.0", "8.1.0", "0.0.9"), "multiprocessing-lab 0.0.9 there, 0.1.0 here"),
    ],
)
def test_other_versions_elsewhere(versions: Versions, text: str):
    told = {"python": versions.python, "rq": versions.rq, "redis": versions.redis, "project": versions.project}
    for found in (
        texts([worker()], [probed(versions=versions)]),
        texts([worker(**told)], [probed()]),
        texts([worker(**told)], [probed(versions=versions)]),
    ):
        assert [grade for grade, _ in found] == ["wrong"]
        assert text in found[0][1]


@pytest.mark.parametrize(
    ("seen", "examined", "text"),
    [
        (
            worker(),
            probed(versions=None, clock=None, failed="ModuleNotFoundError: No module named 'lab'"),
            "named 'lab'",
        ),
        (worker(), probed(missing=("cloudpickle",)), "modules are missing there: cloudpickle"),
        (worker(), probed(clock=Clock(-40.0, 0.01)), "its clock is 40.0 s behind the server's"),
        (worker(clock_offset=40.0), probed(), "its clock is 40.0 s ahead of the server's"),
        (
            worker(problem="paused or cut off", heartbeat_age=33.0),
            probed(),
            "last heartbeat 33 s ago: paused or cut off",
        ),
    ],
)
def test_what_is_wrong_with_a_worker_or_its_host(seen: WorkerInfo, examined: Examined, text: str):
    found = texts([seen], [examined])
    assert [grade for grade, _ in found] == ["wrong"]
    assert text in found[0][1]


def test_busy_workers_are_named_as_not_asked():
    found = of_workers([worker(0), worker(1, state="busy")], [probed(0)], HERE)
    assert (found[0].grade, found[0].text) == (Grade.UNSEEN, "web1/1: busy, so not asked")
