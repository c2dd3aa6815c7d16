"""Passwords, users, TLS and certificates: each package works with them, and says clearly why access is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import broker
import jobs
from broker.engine.session import get_session
from tests.security.conftest import BOTH_CERTIFICATES, SERVER_CERTIFICATE, Access, RunLab, assert_no_secrets
from tests.support.actors import TIMEOUT
from tests.support.fake_server import FakeServer
from tests.support.secured_server import QUOTED, Certificates

encrypted = pytest.mark.parametrize("access", [SERVER_CERTIFICATE, BOTH_CERTIFICATES], indirect=True)


def use(lock: Any, semaphore: Any, event: Any, items: Any) -> int:
    event.wait()
    with lock, semaphore:
        items.put("done")
        return int(lock.fence)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_broker(access: Access, method: str) -> None:
    with broker.get_context(access.url, method=method) as ctx:
        lock, semaphore, event, items = ctx.Lock(), ctx.Semaphore(2), ctx.Event(), ctx.Queue()
        processes = [ctx.Process(target=use, args=(lock, semaphore, event, items)) for _ in range(3)]
        with lock:
            for process in processes:
                process.start()
            event.set()
        assert [items.get(timeout=TIMEOUT) for _ in processes] == ["done"] * 3
        for process in processes:
            process.join(TIMEOUT)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert not lock.locked()
        assert semaphore.get_value() == 2


def test_item_larger_than_a_tls_record(access: Access) -> None:
    with broker.get_context(access.url) as ctx:
        items = ctx.Queue()
        items.put(b"x" * 3_000_000)
        assert len(items.get()) == 3_000_000


def test_jobs(access: Access) -> None:
    with jobs.Workers(access.url, "lab", 1), jobs.get_context(access.url) as ctx:
        lock, semaphore, event, items = ctx.Lock(), ctx.Semaphore(2), ctx.Event(), ctx.Queue()
        event.set()
        process = ctx.Process(target=use, args=(lock, semaphore, event, items))
        process.start()
        assert items.get(timeout=TIMEOUT) == "done"
        process.join(TIMEOUT)
        assert process.exitcode == 0
        assert_no_secrets(f"{process.job.description} {process.job} {lock!r} {items!r} {ctx!r}")


@pytest.mark.slow
def test_lab_compare(access: Access, lab: RunLab, tmp_path: Path) -> None:
    done = lab(access, "compare", "ktv", "--guests", 4, "--on", "redis,rq", "--trace", tmp_path / "runs", "--json", "j")
    assert done.returncode == 0, done.stderr
    assert "…@127.0.0.1" in done.stdout
    traces = [path.read_text() for path in [*(tmp_path / "runs").iterdir(), tmp_path / "j"]]
    assert len(traces) == 3
    assert_no_secrets("".join(traces))


def test_wrong_password(access: Access) -> None:
    with pytest.raises(broker.UnsuitableServerError, match="put the right credentials into the URL") as error:
        broker.get_context(access.url.replace(QUOTED, "wr0ng"))
    assert "wr0ng" not in str(error.value)


@encrypted
def test_server_of_an_unknown_authority(access: Access, certificates: Certificates) -> None:
    url = access.url.replace(str(certificates.authority), str(certificates.other_authority))
    lock = broker.Lock.at(url, "a lock")
    for call in (lambda: broker.get_context(url), lock.acquire, lambda: lock.acquire(timeout=TIMEOUT)):
        with pytest.raises(broker.UnsuitableServerError, match="do ssl_ca_certs") as error:
            call()
        assert "certificate verify failed" in str(error.value)
        assert_no_secrets(str(error.value))
    get_session(url).close()


@encrypted
def test_certificate_that_is_missing(access: Access, certificates: Certificates) -> None:
    url = access.url.replace(str(certificates.authority), "/no/such/file.pem")
    for call in (lambda: broker.get_context(url), broker.Lock.at(url, "a lock").acquire):
        with pytest.raises(broker.UnsuitableServerError, match="do ssl_ca_certs"):
            call()
    get_session(url).close()


@encrypted
def test_server_of_another_name(access: Access) -> None:
    with pytest.raises(broker.UnsuitableServerError, match="certificate is not valid for 'localhost'"):
        broker.get_context(access.url.replace("@127.0.0.1", "@localhost"))


@pytest.mark.parametrize("access", [BOTH_CERTIFICATES], indirect=True)
def test_client_without_a_certificate(access: Access) -> None:
    url = access.url.partition("&ssl_certfile")[0]
    for call in (lambda: broker.get_context(url), broker.Lock.at(url, "a lock").acquire):
        with pytest.raises(broker.UnsuitableServerError, match="TLS"):
            call()
    get_session(url).close()


def test_encrypted_connection_to_a_plain_port() -> None:
    with FakeServer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain:
        url = plain.url.replace("redis:", "rediss:")
        for call in (lambda: broker.get_context(url), broker.Lock.at(url, "a lock").acquire):
            with pytest.raises(broker.UnsuitableServerError, match="does it speak TLS"):
                call()
        get_session(url).close()


@encrypted
def test_plain_connection_to_a_tls_port(access: Access) -> None:
    with pytest.raises(broker.ServerUnavailableError):
        broker.get_context(access.url.replace("rediss:", "redis:").partition("?")[0])
