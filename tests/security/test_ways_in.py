"""Passwords, users, TLS and certificates: each layer works through them, and tells clearly when it does not get in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import broker
import jobs
from tests.security.conftest import BOTH, ONE, Lab, Way, hides
from tests.support.actors import TIMEOUT
from tests.support.secured_server import QUOTED, Certificates

encrypted = pytest.mark.parametrize("way", [ONE, BOTH], indirect=True)


def use(lock: Any, semaphore: Any, event: Any, items: Any) -> int:
    event.wait()
    with lock, semaphore:
        items.put("done")
        return int(lock.fence)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_brokers_primitives(way: Way, method: str) -> None:
    with broker.get_context(way.url, method=method) as ctx:
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


def test_a_large_item_crosses_in_pieces(way: Way) -> None:
    with broker.get_context(way.url) as ctx:
        items = ctx.Queue()
        items.put(b"x" * 3_000_000)
        assert len(items.get()) == 3_000_000


def test_jobs(way: Way) -> None:
    with jobs.Workers(way.url, "lab", 1), jobs.get_context(way.url) as ctx:
        lock, semaphore, event, items = ctx.Lock(), ctx.Semaphore(2), ctx.Event(), ctx.Queue()
        event.set()
        process = ctx.Process(target=use, args=(lock, semaphore, event, items))
        process.start()
        assert items.get(timeout=TIMEOUT) == "done"
        process.join(TIMEOUT)
        assert process.exitcode == 0
        hides(f"{process.job.description} {process.job} {lock!r} {items!r} {ctx!r}")


@pytest.mark.slow
def test_lab_compare(way: Way, lab: Lab, tmp_path: Path) -> None:
    done = lab(way, "compare", "ktv", "--guests", 4, "--on", "redis,rq", "--trace", tmp_path / "runs", "--json", "j")
    assert done.returncode == 0, done.stderr
    assert "…@127.0.0.1" in done.stdout
    traces = [path.read_text() for path in [*(tmp_path / "runs").iterdir(), tmp_path / "j"]]
    assert len(traces) == 3
    hides("".join(traces))


def test_a_wrong_password(way: Way) -> None:
    with pytest.raises(broker.UnsuitableServerError, match="put the right credentials into the URL") as error:
        broker.get_context(way.url.replace(QUOTED, "wr0ng"))
    assert "wr0ng" not in str(error.value)


@encrypted
def test_a_server_of_an_unknown_authority(way: Way, certificates: Certificates) -> None:
    url = way.url.replace(str(certificates.authority), str(certificates.other_authority))
    with pytest.raises(broker.ServerUnavailableError, match="do ssl_ca_certs") as error:
        broker.get_context(url)
    assert "certificate verify failed" in str(error.value)
    hides(str(error.value))


@encrypted
def test_a_server_of_another_name(way: Way) -> None:
    with pytest.raises(broker.ServerUnavailableError, match="certificate is not valid for 'localhost'"):
        broker.get_context(way.url.replace("@127.0.0.1", "@localhost"))


@pytest.mark.parametrize("way", [BOTH], indirect=True)
def test_a_client_without_a_certificate(way: Way) -> None:
    with pytest.raises(broker.ServerUnavailableError, match="TLS"):
        broker.get_context(way.url.partition("&ssl_certfile")[0])


@encrypted
def test_plain_words_to_a_tls_port(way: Way) -> None:
    with pytest.raises(broker.ServerUnavailableError):
        broker.get_context(way.url.replace("rediss:", "redis:").partition("?")[0])
