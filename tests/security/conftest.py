"""Servers that are guarded, and the ways in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
import redis

from tests.support.secured_server import QUOTED, Certificates, SecuredServer, server_programs, tls_server_program

SECRET = "what only the lab and its workers know"
COMMAND = str(Path(sys.executable).with_name("lab"))


class Way(NamedTuple):
    """A server, the URL of the lab's own user, and of one who may do all."""

    url: str
    admin: str


@pytest.fixture(scope="package")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="package", params=server_programs(), ids=lambda path: Path(path).parent.parent.name)
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """A server whose default user is off."""
    yield from opened(SecuredServer(tmp_path_factory.mktemp("guarded"), request.param), "redis", "")


PLAIN, ONE, BOTH = "password alone", "certificate of the server", "certificates of both"


@pytest.fixture(scope="package", params=[PLAIN, ONE, BOTH])
def way(
    request: pytest.FixtureRequest, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Way]:
    """Each way into a server, in turn."""
    folder = tmp_path_factory.mktemp("server")
    if request.param == PLAIN:
        yield from opened(SecuredServer(folder, server_programs()[0]), "redis", "")
        return
    chain, key = certificates.server
    files = {"cert-file": chain, "key-file": key, "ca-cert-file": certificates.authority}
    demand = {"tls-auth-clients": "yes" if request.param == BOTH else "no"}
    words = {f"tls-{name}": str(path) for name, path in files.items()} | demand
    options = f"?ssl_ca_certs={certificates.authority}"
    if request.param == BOTH:
        options += "&ssl_certfile={}&ssl_keyfile={}".format(*certificates.client)
    yield from opened(SecuredServer(folder, tls_server_program(), tls=True, **words), "rediss", options)


def opened(server: SecuredServer, scheme: str, options: str) -> Iterator[Way]:
    way = Way(*(f"{scheme}://{user}@{server.address}/0{options}" for user in (f"lab:{QUOTED}", "admin:admin")))
    try:
        with redis.Redis.from_url(way.admin) as admin:
            server.wait(admin)
        yield way
    finally:
        server.close()


@pytest.fixture
def admin(guarded: Way) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(guarded.admin) as client:
        yield client


Lab = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Runs a `lab` with the URL in its environment; all arguments of what it starts must be fit to be read."""

    def run(way: Way | None, *arguments: object, secret: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, *map(str, arguments)]
        environment = os.environ | {"LAB_SECRET": SECRET if secret is None else secret}
        if way is not None:
            environment["LAB_REDIS_URL"] = way.url
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
        ) as process:
            seen = set()
            while True:
                seen |= {argument for each in family(process.pid) for argument in each}
                try:
                    out, err = process.communicate(timeout=0.1)
                    break
                except subprocess.TimeoutExpired:
                    pass
        hides("\n".join([*seen, out, err]))
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    return run


def family(pid: int) -> list[list[str]]:
    """Return the arguments of a process and all that descends from it."""
    arguments = []
    try:
        head = psutil.Process(pid)
        for process in (head, *head.children(recursive=True)):
            arguments.append(process.cmdline())
    except psutil.Error:
        pass
    return arguments


def hides(text: str) -> None:
    """Hold `text` to it that no secret is in it."""
    for secret in (SECRET, QUOTED, "open-sesame"):
        assert secret not in text
