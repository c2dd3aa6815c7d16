"""The pool of connections that one process has to one server."""

from __future__ import annotations

import redis

from broker import Context
from broker.engine.session import MAX_IDLE_CONNECTIONS
from tests.support.waiting import wait_until


def test_threads_leave_a_bounded_number_of_idle_connections(ctx: Context, client: redis.Redis) -> None:
    before = len(client.client_list())
    lock = ctx.Lock()
    session = lock._get_session()
    connections = [session.acquire_connection() for _ in range(MAX_IDLE_CONNECTIONS + 20)]
    for connection in connections:
        connection.execute(lock._read_script, (connection.new_token(),))
    assert len(client.client_list()) >= before + 20
    for connection in connections:
        session.release_connection(connection)
    assert len(session._idle_connections) == MAX_IDLE_CONNECTIONS
    wait_until(lambda: len(client.client_list()) <= before + MAX_IDLE_CONNECTIONS)
    with lock:
        assert lock.locked()
