"""A keeper logs in as its holder does, and its arguments, which all users can see, do not contain the password."""

from __future__ import annotations

import psutil

from broker import Context
from tests.security.conftest import Access
from tests.support.secured_server import PASSWORD, QUOTED
from tests.support.waiting import wait_until


def test_keeper_renews_leases_at_a_secured_server(access: Access) -> None:
    with Context(access.url, keeper="process") as ctx:
        lock = ctx.Lock(lease=3.0)
        lock.acquire()
        [lease] = lock._get_session().holdings.leases(lock._key)
        wait_until(lambda: lease.keeping is not None and lease.keeping.deadline > lease.deadline)
        keeper = lock._get_session().lease_renewer.keeper
        assert keeper is not None
        command = " ".join(psutil.Process(keeper.pid).cmdline())
        assert not [word for word in (access.url, PASSWORD, QUOTED) if word in command]
        lock.release()
