"""A cluster for each test; the tests run concurrently, since they mostly wait for leases to end."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.hosts.cluster import Cluster
from tests.hosts.network import missing_prerequisite
from tests.support.missing import missing

CONCURRENT_TESTS = 6  # tests

_MISSING = missing_prerequisite()
_outcomes = pytest.StashKey[dict[str, "Future[None]"]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "server(**options): options of the cluster's redis-server")


@pytest.fixture
def cluster() -> None:
    """A `Cluster` for this test alone; `@pytest.mark.server(…)` sets options of its server."""
    if _MISSING:
        missing(_MISSING)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Wait for the outcome of a test that has a cluster; the first one starts them all."""
    if "cluster" not in pyfuncitem.fixturenames:
        return None
    if _outcomes not in pyfuncitem.session.stash:
        pyfuncitem.session.stash[_outcomes] = _start(pyfuncitem.session)
    pyfuncitem.session.stash[_outcomes][pyfuncitem.nodeid].result()
    return True


def _start(session: pytest.Session) -> dict[str, Future[None]]:
    executor = ThreadPoolExecutor(CONCURRENT_TESTS)
    session.addfinalizer(lambda: executor.shutdown(cancel_futures=True))
    here = [item for item in session.items if isinstance(item, pytest.Function) and "cluster" in item.fixturenames]
    return {item.nodeid: executor.submit(_run_test, item) for item in here}


def _run_test(item: pytest.Function) -> None:
    marker = item.get_closest_marker("server")
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    with Cluster(**(marker.kwargs if marker else {})) as cluster:
        item.obj(cluster=cluster, **parameters)
