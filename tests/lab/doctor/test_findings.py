"""The doctor's findings, from handwritten facts."""

from __future__ import annotations

import dataclasses

import pytest

from jobs.exchange.worker_list import WorkerInfo, worker_info
from lab.doctor.facts import ClockOffset, ProbeResult, ServerFacts, Versions
from lab.doctor.findings import Finding, Status
from lab.doctor.server_findings import secret_finding, server_findings
from lab.doctor.worker_findings import worker_findings
from tests.support.chinese import is_chinese
from tests.support.worker_records import OUR_FIELDS, make_record

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
SETTINGS = {"appendfsync": "everysec", "save": "", "client-output-buffer-limit": LIMITS, "port": "6379"}
HEALTHY = ServerFacts(INFO, SETTINGS, ClockOffset(0.0, 1e-4), 2e-4, needs_credentials=True, local=False)
OPEN = dataclasses.replace(HEALTHY, needs_credentials=False)
HERE = Versions("3.11.7", "3.0.0", "8.1.0", "0.1.0")


def problems(facts: ServerFacts) -> dict[str, Finding]:
    return {finding.subject: finding for finding in server_findings(facts) if finding.status is Status.PROBLEM}


def test_healthy_server():
    assert {finding.status for finding in server_findings(HEALTHY)} == {Status.OK}


@pytest.mark.parametrize(
    ("info", "subject", "text", "fix"),
    [
        ({"redis_version": "6.0.16"}, "version", "Redis 6.0.16: scripts", "update it to 6.2"),
        ({"maxmemory": "5000000", "maxmemory_policy": "allkeys-lru"}, "eviction", "two processes", "noeviction"),
        ({"maxmemory": "1100000"}, "memory", "976.6 KB of 1.0 MB", "raise maxmemory"),
        ({"aof_enabled": "0"}, "persistence", "loses every lock, queue and job", "appendonly yes"),
        ({"aof_last_write_status": "err"}, "persistence", "aof_last_write_status is err", "disk"),
        ({"connected_clients": "9800"}, "clients", "9800 of 10000", "CONFIG SET maxclients 20000"),
    ],
)
def test_problems_in_info(info: dict[str, str], subject: str, text: str, fix: str):
    found = problems(dataclasses.replace(HEALTHY, info=INFO | info))
    assert list(found) == [subject]
    assert text in found[subject].text
    assert fix in found[subject].fix


@pytest.mark.parametrize(
    ("settings", "subject", "text"),
    [
        ({"appendfsync": "no"}, "persistence", "a power failure loses"),
        (
            {"client-output-buffer-limit": LIMITS.replace("33554432", "65536")},
            "messages",
            "64.0 KB of unread messages is disconnected",
        ),
        ({"client-output-buffer-limit": "pubsub 0 0 0"}, "messages", "without limit"),
    ],
)
def test_problems_in_settings(settings: dict[str, str], subject: str, text: str):
    found = problems(dataclasses.replace(HEALTHY, settings=SETTINGS | settings))
    assert list(found) == [subject]
    assert text in found[subject].text


def test_with_snapshots_less_is_lost():
    facts = dataclasses.replace(HEALTHY, info=INFO | {"aof_enabled": "0"}, settings=SETTINGS | {"save": "3600 1"})
    assert "everything since its last snapshot" in problems(facts)["persistence"].text


def test_eviction_is_harmless_without_a_memory_limit():
    assert not problems(dataclasses.replace(HEALTHY, info=INFO | {"maxmemory_policy": "allkeys-lru"}))


@pytest.mark.parametrize(
    ("clock", "status"),
    [
        (ClockOffset(0.9, 0.0), Status.OK),
        (ClockOffset(-1.1, 0.0), Status.PROBLEM),
        (ClockOffset(1.5, 0.6), Status.OK),  # it may be as little as 0.9
    ],
)
def test_clock_is_wrong_only_beyond_its_error(clock: ClockOffset, status: Status):
    assert ("clock" in problems(dataclasses.replace(HEALTHY, clock=clock))) == (status is Status.PROBLEM)


def test_distant_server():
    assert "50.0 ms" in problems(dataclasses.replace(HEALTHY, round_trip=0.05))["round trip"].text


@pytest.mark.parametrize(
    "settings",
    [
        {"bind": "* -::*", "protected-mode": "no"},
        {"bind": "", "protected-mode": "no"},
        {"bind": "127.0.0.1 10.0.0.1", "protected-mode": "no"},
    ],
)
def test_server_without_password_that_other_hosts_reach(settings: dict[str, str]):
    found = problems(dataclasses.replace(OPEN, settings=SETTINGS | settings))
    assert list(found) == ["access"]
    assert "other hosts can connect" in found["access"].text


@pytest.mark.parametrize(
    "settings",
    [
        {"bind": "127.0.0.1 -::1", "protected-mode": "no"},
        {"bind": "* -::*", "protected-mode": "yes"},
        {"bind": "*", "protected-mode": "no", "port": "0", "tls-port": "0"},
    ],
)
def test_server_without_password_that_only_its_own_host_reaches(settings: dict[str, str]):
    assert not problems(dataclasses.replace(OPEN, settings=SETTINGS | settings))


@pytest.mark.parametrize(("local", "status"), [(True, Status.UNKNOWN), (False, Status.PROBLEM)])
def test_server_without_password_that_hides_its_addresses(local: bool, status: Status):
    found = server_findings(dataclasses.replace(OPEN, settings=None, local=local))
    assert [finding.status for finding in found if finding.subject == "access"] == [status]


@pytest.mark.parametrize(
    ("secret", "local", "status", "text"),
    [
        ("", True, Status.OK, "jobs are not signed"),
        ("", False, Status.PROBLEM, "can run code on its workers"),
        ("short", True, Status.PROBLEM, "has 5 characters and needs 32"),
        ("x" * 32, False, Status.OK, "jobs are signed"),
    ],
)
def test_secret(monkeypatch: pytest.MonkeyPatch, secret: str, local: bool, status: Status, text: str):
    monkeypatch.setenv("LAB_SECRET", secret)
    monkeypatch.delenv("LAB_SECRET_FILE", raising=False)
    found = secret_finding(local)
    assert (found.subject, found.status) == ("secret", status)
    assert text in found.text


def test_facts_without_permission_are_unknown():
    found = server_findings(ServerFacts(None, None, None, None, needs_credentials=False, local=True))
    assert {finding.status for finding in found} == {Status.UNKNOWN}
    assert {command for finding in found for command in ("INFO", "TIME", "CONFIG GET") if command in finding.text} == {
        "INFO",
        "TIME",
        "CONFIG GET",
    }


def worker(number: int = 0, **changes: object) -> WorkerInfo:
    return dataclasses.replace(worker_info(make_record(OUR_FIELDS)), name=f"web1/{number}", **changes)


def probe_result(number: int = 0, **changes: object) -> ProbeResult:
    return dataclasses.replace(ProbeResult(f"web1/{number}", "web1", HERE, (), ClockOffset(0.0, 1e-3)), **changes)


def texts(workers: list[WorkerInfo], probes: list[ProbeResult]) -> list[tuple[str, str]]:
    return [(finding.status.value, finding.text) for finding in worker_findings(workers, probes, HERE)]


def test_no_workers_and_healthy_workers():
    assert texts([], []) == [("ok", "there are none; the lab starts its own for each run")]
    assert texts([worker(0), worker(1)], [probe_result(0), probe_result(1)]) == [
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
def test_other_versions_on_a_host(versions: Versions, text: str):
    told = {"python": versions.python, "rq": versions.rq, "redis": versions.redis, "project": versions.project}
    for found in (
        texts([worker()], [probe_result(versions=versions)]),
        texts([worker(**told)], [probe_result()]),
        texts([worker(**told)], [probe_result(versions=versions)]),
    ):
        assert [status for status, _ in found] == ["problem"]
        assert text in found[0][1]


@pytest.mark.parametrize(
    ("seen", "probe", "text"),
    [
        (
            worker(),
            probe_result(versions=None, clock=None, failed="ModuleNotFoundError: No module named 'lab'"),
            "named 'lab'",
        ),
        (worker(), probe_result(missing=("cloudpickle",)), "modules are missing there: cloudpickle"),
        (worker(), probe_result(clock=ClockOffset(-40.0, 0.01)), "its clock is 40.0 s behind the server's"),
        (worker(clock_offset=40.0), probe_result(), "its clock is 40.0 s ahead of the server's"),
        (
            worker(problem="paused or cut off", heartbeat_age=33.0),
            probe_result(),
            "last heartbeat 33 s ago: paused or cut off",
        ),
    ],
)
def test_problems_of_a_worker_or_its_host(seen: WorkerInfo, probe: ProbeResult, text: str):
    found = texts([seen], [probe])
    assert [status for status, _ in found] == ["problem"]
    assert text in found[0][1]


def test_busy_workers_are_not_probed():
    found = worker_findings([worker(0), worker(1, state="busy")], [probe_result(0)], HERE)
    assert (found[0].status, found[0].text) == (Status.UNKNOWN, "web1/1: busy, so not probed")


def in_chinese(found: list[Finding]) -> bool:
    """Return whether the sentences are Chinese, and what programs compare is English."""
    assert all(is_chinese(finding.text) or finding.subject == "version" for finding in found)
    fixes = [finding.fix for finding in found if finding.fix and not finding.fix.startswith("CONFIG SET ")]
    assert all(map(is_chinese, fixes))
    assert {finding.figures()["status"] for finding in found} <= {"ok", "problem", "unknown"}
    return all(finding.figures()["subject"].isascii() for finding in found)


@pytest.mark.parametrize(
    ("facts", "secret"),
    [
        (HEALTHY, "x" * 32),
        (dataclasses.replace(HEALTHY, clock=ClockOffset(0.9, 0.0)), ""),
        (
            dataclasses.replace(
                *(OPEN,),
                info=INFO | {"redis_version": "6.0.16", "maxmemory": "1100000", "maxmemory_policy": "allkeys-lru"},
                clock=ClockOffset(-5.0, 0.0),
                settings=SETTINGS | {"appendfsync": "no", "client-output-buffer-limit": "pubsub 0 0 0"},
                round_trip=0.5,
            ),
            "",
        ),
        (dataclasses.replace(HEALTHY, info=INFO | {"aof_enabled": "0", "connected_clients": "9800"}), ""),
        (ServerFacts(None, None, None, None, needs_credentials=False, local=True), ""),
    ],
)
def test_findings_about_a_server_in_chinese(monkeypatch: pytest.MonkeyPatch, chinese: None, facts, secret: str):
    monkeypatch.setenv("LAB_SECRET", secret)
    assert in_chinese([*server_findings(facts), secret_finding(facts.local)])


def test_findings_about_workers_in_chinese(chinese: None):
    probes = [
        probe_result(versions=None, clock=None, failed="ModuleNotFoundError"),
        probe_result(missing=("cloudpickle", "rich")),
        probe_result(versions=Versions("3.12.1", "2.6.0", "8.0.0", "0.0.9")),
        probe_result(clock=ClockOffset(-40.0, 0.01)),
    ]
    workers = [worker(), worker(1, problem="paused or cut off"), worker(2, state="busy")]
    assert in_chinese(worker_findings(workers, probes, HERE))
    assert in_chinese(worker_findings([], [], HERE))
    assert in_chinese(worker_findings([worker()], [probe_result()], HERE))
