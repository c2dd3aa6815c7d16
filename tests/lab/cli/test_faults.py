"""`--fault` on real processes: they die or pause, the others are served or not, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.trace import CUT_OFF, DIES, RECONNECTS, RESTARTS, RESTARTS_EMPTY, SERVER_IS_BACK, STOP, load_traces
from tests.support.faults import compare, faults
from tests.support.lab import BACKENDS, RunLab, table_rows

# With seed 40 and up to 13 actors, the first one meets its fault inside; there is a ticket for each.
TICKETS = ("tickets", "--clients", 8, "--stock", 8, "--pace", 0.3, "--seed", 40)
KTV = ("ktv", "--rooms", 1, "--guests", 8, "--pace", 0.3, "--seed", 40)
EXERCISES = [
    pytest.param(TICKETS, "db", id="tickets"),
    pytest.param(KTV, "rooms", id="ktv", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("exercise", "section"), EXERCISES)
@pytest.mark.parametrize("backend", ["redis", pytest.param("rq", marks=pytest.mark.slow)])
def test_what_a_killed_actor_held_is_free_again(
    lab: RunLab, url: str, tmp_path: Path, backend: str, exercise: tuple[object, ...], section: str
):
    options = ("--fault", "kill", "--on", backend, "--redis-url", url)
    figures, (trace,), text = compare(lab, tmp_path, 0, *exercise, *options)
    who = trace.of("enters")[0].who.split()[0] + " 0"
    assert faults(trace) == [(who, DIES, section, "inside")]
    (run,) = figures["runs"]
    assert run["verdict"] == "valid"
    assert f"{who} was killed; all 7 others finished" in run["evidence"]
    assert run["faults"] == [{"who": who, "what": DIES, "on": section, "when": "inside"}]
    assert figures["parameters"].items() >= {"fault": "kill:1", "seed": 40}.items()
    (death,) = trace.of(DIES)
    later = any(event.what == "enters" for event in trace.events[trace.events.index(death) :])  # it may be the last
    what_followed = "the next one entered" if later else "nobody entered afterwards"
    assert f"{who} was killed inside {section}: on {backend} {what_followed}" in text


@pytest.mark.parametrize(("exercise", "section"), EXERCISES)
@pytest.mark.slow
def test_what_a_killed_actor_held_on_local_is_lost(
    lab: RunLab, tmp_path: Path, exercise: tuple[object, ...], section: str
):
    figures, (trace,), text = compare(lab, tmp_path, 2, *exercise, "--fault", "kill", "--on", "local")
    (killed,) = trace.of(DIES)
    assert [event.why for event in trace.of(STOP)] == ["stalled"]
    assert figures["runs"][0]["verdict"] == "unknown"
    assert f"{killed.who} was killed inside {section}: on local the run came to a standstill" in text
    assert "none could go on" in text
    assert f"{section}, which {killed.who} (killed) holds" in text
    again = lab("check", "traces")
    assert again.returncode == 2
    assert f"which {killed.who} (killed) holds" in " ".join(again.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["redis", "rq"])
def test_an_actor_that_is_cut_off_inside_loses_the_lock(lab: RunLab, url: str, tmp_path: Path, backend: str):
    options = ("--fault", "cut", "--on", backend, "--redis-url", url)
    figures, (trace,), text = compare(lab, tmp_path, 0, *TICKETS, *options)
    assert faults(trace) == [("client 0", CUT_OFF, "db", "inside")]
    assert [event.who for event in trace.of(RECONNECTS)] == ["client 0"]
    assert figures["runs"][0]["verdict"] == "valid"
    assert (
        f"client 0 was cut off inside db: on {backend} its lease expired, others entered, and its late write was "
        "refused by the store" in text
    )


@pytest.mark.parametrize("backend", ["redis", pytest.param("rq", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [pytest.param("restart", marks=pytest.mark.slow), "restart-empty"])
def test_the_server_restarts_with_a_client_inside(lab: RunLab, tmp_path: Path, backend: str, kind: str):
    """With seed 3, this is the last one that is started: a job that no worker has taken would be lost with the data."""
    empty = kind == "restart-empty"
    options = ("--seed", 3, "--fault", kind, "--on", backend)
    figures, (trace,), text = compare(lab, tmp_path, 0, *TICKETS, *options)
    assert faults(trace) == [("client 7", RESTARTS_EMPTY if empty else RESTARTS, "db", "inside")]
    assert [event.who for event in trace.of(SERVER_IS_BACK)] == ["client 7"]
    assert figures["runs"][0]["verdict"] == "valid"
    assert figures["runs"][0]["outcome"]["sold"] == 8
    assert [event.who for event in trace.of("loses lease")] == (["client 7"] if empty else [])
    how, what_followed = ("without", "client 7 lost the lease, ") if empty else ("with", "no lease was lost.")
    assert f"The server restarted {how} its data while client 7 was inside db: on {backend} {what_followed}" in text


def test_only_a_server_of_the_labs_own_is_restarted(lab_in_process: RunLab, url: str):
    for command in ("compare", "run"):
        done = lab_in_process(command, "tickets", "--on", "redis", "--redis-url", url, "--fault", "restart")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith("lab: --fault restart restarts only a server that the lab has started itself")


@pytest.mark.slow
def test_what_nothing_protects_is_not_called_valid(lab: RunLab, tmp_path: Path):
    """All who are in the rooms lose their permits, and others enter: no fence keeps anybody out."""
    options = ("--rooms", 2, "--guests", 8, "--pace", 0.5, "--seed", 40, "--fault", "restart-empty", "--on", "redis")
    figures, _, _ = compare(lab, tmp_path, 2, "ktv", *options)
    (run,) = figures["runs"]
    assert run["verdict"] == "unknown"
    assert "were inside rooms at once: " in run["evidence"]


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "what"), [("cut", "be cut off from"), ("restart-empty", "restart")])
def test_on_local_there_is_no_server(lab: RunLab, tmp_path: Path, fault: str, what: str):
    _, (trace,), text = compare(lab, tmp_path, 0, *KTV, "--fault", fault, "--on", "local")
    assert faults(trace) == []
    assert f"There is no server to {what}: on local all went on." in text


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill:3", "pause:3", "cut:3", "restart:3"])
def test_the_same_seed_gives_the_same_faults(lab: RunLab, url: str, tmp_path: Path, kind: str):
    """Three faults are at all three moments; with four rooms, at most two permits are lost."""
    server = () if kind == "restart:3" else ("--redis-url", url)
    arguments = ("compare", "ktv", "--guests", 9, "--pace", 0.5, "--seed", 3, "--fault", kind, *server)
    kinds = []
    for name in ("first", "second"):
        done = lab(*arguments, "--trace", name)
        assert done.returncode == 0, done.stdout
        backends = BACKENDS[1:] if kind in ("cut:3", "restart:3") else BACKENDS
        assert table_rows(done.stdout)["faults"] == ["3" if each in backends else "0" for each in BACKENDS]
        for trace in load_traces(tmp_path / name):
            if trace.backend not in backends:
                continue
            # One that is to die while it waits dies as it is let in, if a room is free.
            kinds.append(sorted((who, what, on) for who, what, on, _ in faults(trace)))
    assert len(kinds) == 2 * len(backends)
    assert kinds == [kinds[0]] * len(kinds)


@pytest.mark.parametrize("arguments", [("ktv",), ("event",)])
def test_what_cannot_be_done_is_refused_with_one_sentence(lab_in_process: RunLab, arguments: tuple[object, ...]):
    for fault in ("crash", "kill:0", "kill:99"):
        done = lab_in_process("compare", *arguments, "--on", "local", "--fault", fault)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kill", "pause", "cut", "restart", "restart-empty"])
@pytest.mark.parametrize("exercise", ["lock", "output", "semaphore", "event", "traffic", "daemon", "isolation", "chat"])
def test_a_fault_is_never_taken_for_a_violation(lab: RunLab, url: str, tmp_path: Path, exercise: str, kind: str):
    pace = () if exercise == "isolation" else ("--pace", 0.1)
    server = () if kind.startswith("restart") else ("--redis-url", url)
    options = ("--on", "local,redis", *server, "--trace", "traces", "--fault", kind)
    done = lab("compare", exercise, *pace, *options, "--workers", 22)
    assert done.returncode in (0, 2), done.stdout + done.stderr
    for trace in load_traces(tmp_path / "traces"):
        assert len(faults(trace)) == (kind in ("kill", "pause") or trace.backend != "local")
