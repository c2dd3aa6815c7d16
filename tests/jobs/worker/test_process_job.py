"""A job that has lost its liveness lock asks the server whether its parent still waits for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import redis

from jobs.worker.process_job import _is_orphaned


def ask(error: Exception) -> bool | None:
    """Ask a server that raises `error`; neither the lock nor the status is used then."""

    def hget(*_: object) -> None:
        raise error

    job: Any = SimpleNamespace(connection=SimpleNamespace(hget=hget), key="rq:job:1")
    return _is_orphaned(job, lock=None, status=None, pid=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [redis.ConnectionError("no route"), redis.TimeoutError("no reply")])
def test_while_the_server_is_unavailable_it_is_unknown(error: Exception) -> None:
    assert ask(error) is None


def test_a_refusal_is_not_taken_for_an_outage() -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        ask(redis.exceptions.NoPermissionError("this user has no permissions to run the 'hget' command"))
