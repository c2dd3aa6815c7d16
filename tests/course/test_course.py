"""The course's own programs, run with `lab run`, print on every backend what the course says.

The programs differ from the course's notes in three ways: indentation, an import that one program lacks there, and two
snippets that are comments there. Two things are changed in a copy: ports, because they may be in use, and the time that
a client takes to buy the last ticket.
"""

from __future__ import annotations

import re
import select
import socket
import subprocess
import sys
from collections import Counter

import pytest

from tests.course.conftest import VEHICLES, CourseRun, CourseRunner
from tests.support.actors import TIMEOUT
from tests.support.waiting import wait_until

TERMINATED = 143  # a shell's exit status for SIGTERM
BLOCKED = 1.0  # seconds in which a program that is not blocked would continue


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "release", "printed"),
    [("lock", "lock.release()", ["111"]), ("semaphore", "sem.release()", ["1", "2", "3"])],
)
def test_without_a_release_the_next_acquire_blocks(
    runner: CourseRunner, backend: str, name: str, release: str, printed: list[str]
) -> None:
    run = runner.start(name, backend, {release: ""})
    wait_until(lambda: run.lines == printed)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(BLOCKED)
    assert run.stop() == TERMINATED
    assert run.lines == printed


@pytest.mark.slow
def test_chat_server_serves_several_at_once(runner: CourseRunner, backend: str) -> None:
    port = _free_port()
    run = runner.start("chat_server", backend, {"8080": port})
    script = runner.script("chat_client", backend, {"8080": port})
    clients = []
    for _ in range(3):
        wait_until(lambda: _answers(port))
        clients.append(subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    for number, client in enumerate(clients):  # all are connected at the same time
        assert _ask(client, f"hello {number}") == f">>: HELLO {number}"
    for client in reversed(clients):
        assert _ask(client, "again") == ">>: AGAIN"
    for client in clients:
        client.kill()
        client.communicate()
    assert run.stop() == TERMINATED


@pytest.mark.slow
def test_hello_server_prints_its_clients_pids(runner: CourseRunner, backend: str) -> None:
    port = _free_port()
    run = runner.start("hello_server", backend, {"9091": port})
    script = runner.script("hello_client", backend, {"9091": port})
    wait_until(lambda: _answers(port))
    clients = [
        subprocess.Popen([sys.executable, "-u", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    for client in clients:
        assert _read_line(client) == "b'hello'"
    for client in clients:
        wait_until(lambda: any(str(client.pid) in line for line in run.lines))  # noqa: B023 - called in this round
        client.kill()
        client.communicate()
    assert run.stop() == TERMINATED


@pytest.mark.slow
def test_daemon_class(finished: CourseRun) -> None:
    first, *rest = finished.lines
    assert re.fullmatch(r"\d+ Myprocess-1", first)
    assert rest == ["哪吒正在和女主播聊天", "主"]
    assert finished.process.returncode == 0


@pytest.mark.slow
def test_daemon_foo_bar(finished: CourseRun) -> None:
    assert "end123" not in finished.lines
    assert finished.lines[-1] == "end456"
    assert set(finished.lines) - {"123"} == {"456", "main-------", "end456"}


def test_daemon_alone(finished: CourseRun) -> None:
    assert finished.lines == ["begin", "主进程"]


@pytest.mark.slow
def test_daemon_beside_child(finished: CourseRun) -> None:
    end = finished.lines.index("主进程")
    assert finished.lines.count("begin") == 1
    assert "in func2" in finished.lines[:end]
    assert finished.lines[-1] == "wahaha"
    assert finished.lines[end:].count("in func2") <= 1  # printed while it was being terminated


@pytest.mark.slow
def test_tickets_query(finished: CourseRun) -> None:
    assert finished.count("余票") == 10
    assert finished.count("购票成功") == 5


@pytest.mark.slow
def test_output_unlocked(finished: CourseRun) -> None:
    running = Counter(re.findall(r"(\d): (\d+) is running", "\n".join(finished.lines)))
    done = Counter(re.findall(r"(\d):(\d+) is done", "\n".join(finished.lines)))
    assert running == done
    assert sorted(number for number, _ in running) == ["0", "1", "2"]


@pytest.mark.slow
def test_output_locked(finished: CourseRun) -> None:
    matches = [re.fullmatch(r"(\d: \d+) is (running|done)", line) for line in finished.lines]
    lines = [(match[1], match[2]) for match in matches if match]
    assert len(lines) == 6
    for before, after in zip(lines[::2], lines[1::2], strict=True):
        assert (before[1], after[1]) == ("running", "done")
        assert before[0] == after[0]


@pytest.mark.slow
def test_tickets_unlocked(finished: CourseRun) -> None:
    assert finished.count("购票成功") > 1  # of one ticket
    torn = finished.errors.count("JSONDecodeError: ")  # reads of `db` during a write
    assert finished.count("剩余票数") + torn >= 100


@pytest.mark.slow
def test_tickets_locked(finished: CourseRun) -> None:
    assert finished.count("购票成功") == 5
    torn = finished.errors.count("JSONDecodeError: ")  # the course reads without the lock
    assert finished.count("购票失败") + torn == 95


def test_lock(finished: CourseRun) -> None:
    assert finished.lines == ["111", "222"]


def test_semaphore(finished: CourseRun) -> None:
    assert finished.lines == ["1", "2", "3", "4"]


@pytest.mark.slow
def test_ktv(finished: CourseRun) -> None:
    inside: set[str] = set()
    for line in finished.lines:
        person, direction = re.fullmatch(r"(person\d)(进入|走出)了ktv", line).groups()  # type: ignore[union-attr]
        inside ^= {person}
        assert (person in inside) == (direction == "进入")
        assert len(inside) <= 4
    assert len(finished.lines) == 20
    assert not inside


@pytest.mark.slow
def test_ktv_join(finished: CourseRun) -> None:
    *users, last = finished.lines
    assert sorted(users) == sorted(f"user{number} 占到一间ktv小屋" for number in range(13))
    assert last == "============》"


def test_event(finished: CourseRun) -> None:
    assert finished.lines == ["False", "True", "False"]


@pytest.mark.slow
def test_traffic(finished: CourseRun) -> None:
    lights = [line for line in finished.lines if "灯亮" in line]
    assert ["红" in line for line in lights] == [number % 2 == 0 for number in range(len(lights))]
    passes = [line for line in finished.lines if "通过" in line]
    assert sorted(int(word) for line in passes for word in re.findall(r"\d+", line)) == list(range(VEHICLES))
    green = next(number for number, line in enumerate(finished.lines) if "绿灯亮" in line)
    assert not [line for line in finished.lines[:green] if line.startswith("car") and "通过" in line]
    assert finished.process.returncode == TERMINATED


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def _answers(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def _ask(client: subprocess.Popen[bytes], text: str) -> str:
    assert client.stdin is not None
    client.stdin.write(text.encode() + b"\n")
    client.stdin.flush()
    return _read_line(client)


def _read_line(client: subprocess.Popen[bytes]) -> str:
    assert client.stdout is not None
    readable, _, _ = select.select([client.stdout], [], [], TIMEOUT)
    assert readable, "the client got no answer"
    return client.stdout.readline().decode().rstrip("\n")
