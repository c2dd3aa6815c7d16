"""Sites for the tests, which run side by side: a fault test mostly waits for leases to end."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.hosts.network import obstacle
from tests.hosts.site import Site
from tests.support.missing import missing

AT_ONCE = 6  # tests

_OBSTACLE = obstacle()
_outcomes = pytest.StashKey[dict[str, "Future[None]"]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "server(**options): options of the site's redis-server")


@pytest.fixture
def site() -> None:
    """A `Site` of the test's own; `@pytest.mark.server(…)` gives its server options."""
    if _OBSTACLE:
        missing(_OBSTACLE)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Wait for the outcome of a test that has a site; the first one starts them all."""
    if "site" not in pyfuncitem.fixturenames:
        return None
    if _outcomes not in pyfuncitem.session.stash:
        pyfuncitem.session.stash[_outcomes] = _start(pyfuncitem.session)
    pyfuncitem.session.stash[_outcomes][pyfuncitem.nodeid].result()
    return True


def _start(session: pytest.Session) -> dict[str, Future[None]]:
    executor = ThreadPoolExecutor(AT_ONCE)
    session.addfinalizer(lambda: executor.shutdown(cancel_futures=True))
    here = [item for item in session.items if isinstance(item, pytest.Function) and "site" in item.fixturenames]
    return {item.nodeid: executor.submit(_perform, item) for item in here}


def _perform(item: pytest.Function) -> None:
    marker = item.get_closest_marker("server")
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    with Site(**(marker.kwargs if marker else {})) as site:
        item.obj(site=site, **parameters)
