"""The course's own programs, typed in as they stand, through `lab run`: one sees what the course says, everywhere.

Only three things are not as in the notes: indentation, an import that one program has lost, and that two small
snippets are no longer comments. Ports are changed in a copy, for they may be in use.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections import Counter

import pytest

from tests.course.conftest import VEHICLES, Play, Stage
from tests.support.waiting import wait_until

TERMINATED = 143  # a shell's word for a SIGTERM
BLOCKED = 1.0  # seconds in which a program that is not blocked would have gone on


@pytest.mark.parametrize(
    ("name", "release", "printed"),
    [("lock", "lock.release()", ["111"]), ("semaphore", "sem.release()", ["1", "2", "3"])],
)
def test_without_a_release_the_next_acquire_blocks(
    stage: Stage, backend: str, name: str, release: str, printed: list[str]
) -> None:
    play = stage.play(name, backend, {release: ""})
    wait_until(lambda: play.lines == printed)
    with pytest.raises(subprocess.TimeoutExpired):
        play.process.wait(BLOCKED)
    assert play.stop() == TERMINATED
    assert play.lines == printed


def test_chat_server_serves_several_at_once(stage: Stage, backend: str) -> None:
    port = _free_port()
    play = stage.play("chat_server", backend, {"8080": port})
    script = stage.script("chat_client", backend, {"8080": port})
    clients = []
    for _ in range(3):
        wait_until(lambda: _answers(port))
        clients.append(subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    for number, client in enumerate(clients):  # all are connected, and none has hung up
        assert _ask(client, f"hello {number}") == f">>: HELLO {number}"
    for client in reversed(clients):
        assert _ask(client, "again") == ">>: AGAIN"
    for client in clients:
        client.kill()
        client.communicate()
    assert play.stop() == TERMINATED


def test_hello_server_prints_its_clients_pids(stage: Stage, backend: str) -> None:
    port = _free_port()
    play = stage.play("hello_server", backend, {"9091": port})
    script = stage.script("hello_client", backend, {"9091": port})
    wait_until(lambda: _answers(port))
    clients = [
        subprocess.Popen([sys.executable, "-u", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline() == b"b'hello'\n"
        client.stdout.close()
    for client in clients:
        wait_until(lambda: any(str(client.pid) in line for line in play.lines))  # noqa: B023 - called in this round
        client.kill()
        client.wait()
    assert play.stop() == TERMINATED


def test_daemon_class(ended: Play) -> None:
    first, *rest = ended.lines
    assert re.fullmatch(r"\d+ Myprocess-1", first)
    assert rest == ["哪吒正在和女主播聊天", "主"]
    assert ended.process.returncode == 0


def test_daemon_foo_bar(ended: Play) -> None:
    assert "end123" not in ended.lines
    assert ended.lines[-1] == "end456"
    assert set(ended.lines) - {"123"} == {"456", "main-------", "end456"}


def test_daemon_alone(ended: Play) -> None:
    assert ended.lines == ["begin", "主进程"]


def test_daemon_beside_child(ended: Play) -> None:
    end = ended.lines.index("主进程")
    assert ended.lines.count("begin") == 1
    assert "in func2" in ended.lines[:end]
    assert ended.lines[-1] == "wahaha"
    assert ended.lines[end:].count("in func2") <= 1  # printed as the end came


def test_tickets_query(ended: Play) -> None:
    assert ended.count("余票") == 10
    assert ended.count("购票成功") == 5


def test_output_unlocked(ended: Play) -> None:
    running = Counter(re.findall(r"(\d): (\d+) is running", "\n".join(ended.lines)))
    done = Counter(re.findall(r"(\d):(\d+) is done", "\n".join(ended.lines)))
    assert running == done
    assert sorted(number for number, _ in running) == ["0", "1", "2"]


def test_output_locked(ended: Play) -> None:
    words = [re.fullmatch(r"(\d: \d+) is (running|done)", line) for line in ended.lines]
    said = [(word[1], word[2]) for word in words if word]
    assert len(said) == 6
    for before, after in zip(said[::2], said[1::2], strict=True):
        assert (before[1], after[1]) == ("running", "done")
        assert before[0] == after[0]


def test_tickets_unlocked(ended: Play) -> None:
    assert ended.count("购票成功") > 1  # of one ticket
    torn = ended.errors.count("JSONDecodeError: ")  # who read `db` while somebody wrote it
    assert ended.count("剩余票数") + torn >= 100


def test_tickets_locked(ended: Play) -> None:
    assert ended.count("购票成功") == 5
    torn = ended.errors.count("JSONDecodeError: ")  # the course looks without the lock
    assert ended.count("购票失败") + torn == 95


def test_lock(ended: Play) -> None:
    assert ended.lines == ["111", "222"]


def test_semaphore(ended: Play) -> None:
    assert ended.lines == ["1", "2", "3", "4"]


def test_ktv(ended: Play) -> None:
    inside: set[str] = set()
    for line in ended.lines:
        person, came = re.fullmatch(r"(person\d)(进入|走出)了ktv", line).groups()  # type: ignore[union-attr]
        inside ^= {person}
        assert (person in inside) == (came == "进入")
        assert len(inside) <= 4
    assert len(ended.lines) == 20
    assert not inside


def test_ktv_join(ended: Play) -> None:
    *users, last = ended.lines
    assert sorted(users) == sorted(f"user{number} 占到一间ktv小屋" for number in range(13))
    assert last == "============》"


def test_event(ended: Play) -> None:
    assert ended.lines == ["False", "True", "False"]


def test_traffic(ended: Play) -> None:
    lights = [line for line in ended.lines if "灯亮" in line]
    assert ["红" in line for line in lights] == [number % 2 == 0 for number in range(len(lights))]
    passes = [line for line in ended.lines if "通过" in line]
    assert sorted(int(word) for line in passes for word in re.findall(r"\d+", line)) == list(range(VEHICLES))
    green = next(number for number, line in enumerate(ended.lines) if "绿灯亮" in line)
    assert not [line for line in ended.lines[:green] if line.startswith("car") and "通过" in line]
    assert ended.process.returncode == TERMINATED


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])


def _answers(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def _ask(client: subprocess.Popen[bytes], words: str) -> str:
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(words.encode() + b"\n")
    client.stdin.flush()
    return client.stdout.readline().decode().rstrip("\n")
