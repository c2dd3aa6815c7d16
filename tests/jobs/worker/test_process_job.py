"""How a job begins, and what it does when it has lost its liveness lock: ask whether its parent still waits for it."""

from __future__ import annotations

import signal
from contextlib import closing

import pytest
import redis

from broker.server.private_server import PrivateServer
from jobs.exchange.control import parent_lock
from jobs.worker.child_process import ChildProcess
from jobs.worker.process_job import _is_orphaned


def ask(url: str) -> bool | None:
    """Ask the server at `url`; if it does not answer, neither the lock nor the status is used."""
    return _is_orphaned(url, "rq:job:1", lock=None, status=None, pid=1)  # type: ignore[arg-type]


def test_while_the_server_is_unavailable_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(_: float) -> None:
        raise AssertionError("it is asked again soon; a retry would delay that")

    monkeypatch.setattr("time.sleep", wait)
    assert ask("redis://127.0.0.1:1") is None


def test_a_refusal_is_not_taken_for_an_outage() -> None:
    with closing(PrivateServer()) as server, redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "nobody", "on", "nopass", "~*", "-@all", "+ping")
        with pytest.raises(redis.exceptions.NoPermissionError):
            ask(server.url.replace("unix://", "unix://nobody:any@"))


@pytest.mark.usefixtures("signals")
def test_a_signal_ends_a_process_that_has_only_just_been_forked(url: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)  # as the worker's
    with closing(ChildProcess(b"", lambda folder: folder.path, parent_lock(url, "none"))) as child:
        child.signal(signal.SIGTERM)
        while child.alive:
            child.read_output(1)
        assert child.join() == -signal.SIGTERM
