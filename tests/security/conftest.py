"""Secured servers, and the URLs that give access to them."""

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


class Access(NamedTuple):
    """The URLs of a server: of the lab's user, and of an administrator."""

    url: str
    admin: str


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=server_programs(), ids=lambda path: Path(path).parent.parent.name)
def secured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    """A server whose default user is disabled, of each server program."""
    yield from open_server(SecuredServer(tmp_path_factory.mktemp("guarded"), request.param), "redis", "")


PASSWORD_ONLY, SERVER_CERTIFICATE, BOTH_CERTIFICATES = "password only", "server certificate", "both certificates"


@pytest.fixture(scope="module", params=[PASSWORD_ONLY, SERVER_CERTIFICATE, BOTH_CERTIFICATES])
def access(
    request: pytest.FixtureRequest, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Access]:
    """A server with each kind of authentication."""
    folder = tmp_path_factory.mktemp("server")
    if request.param == PASSWORD_ONLY:
        yield from open_server(SecuredServer(folder, server_programs()[0]), "redis", "")
        return
    chain, key = certificates.server
    files = {"cert-file": chain, "key-file": key, "ca-cert-file": certificates.authority}
    client_certificates = {"tls-auth-clients": "yes" if request.param == BOTH_CERTIFICATES else "no"}
    words = {f"tls-{name}": str(path) for name, path in files.items()} | client_certificates
    options = f"?ssl_ca_certs={certificates.authority}"
    if request.param == BOTH_CERTIFICATES:
        options += "&ssl_certfile={}&ssl_keyfile={}".format(*certificates.client)
    yield from open_server(SecuredServer(folder, tls_server_program(), tls=True, **words), "rediss", options)


def open_server(server: SecuredServer, scheme: str, options: str) -> Iterator[Access]:
    access = Access(*(f"{scheme}://{user}@{server.address}/0{options}" for user in (f"lab:{QUOTED}", "admin:admin")))
    try:
        with redis.Redis.from_url(access.admin) as admin:
            server.wait(admin)
        yield access
    finally:
        server.close()


@pytest.fixture
def admin(secured: Access) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(secured.admin) as client:
        yield client


RunLab = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def lab(tmp_path: Path) -> RunLab:
    """Runs the `lab` command with the URL in its environment; neither output nor arguments may show a secret."""

    def run(access: Access | None, *arguments: object, secret: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, *map(str, arguments)]
        environment = os.environ | {"LAB_SECRET": SECRET if secret is None else secret}
        if access is not None:
            environment["LAB_REDIS_URL"] = access.url
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
        ) as process:
            arguments_seen = set()
            while True:
                arguments_seen |= {argument for each in arguments_of(process.pid) for argument in each}
                try:
                    out, err = process.communicate(timeout=0.1)
                    break
                except subprocess.TimeoutExpired:
                    pass
        assert_no_secrets("\n".join([*arguments_seen, out, err]))
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    return run


def arguments_of(pid: int) -> list[list[str]]:
    """Return the arguments of a process and of all its descendants."""
    arguments = []
    try:
        head = psutil.Process(pid)
        for process in (head, *head.children(recursive=True)):
            arguments.append(process.cmdline())
    except psutil.Error:
        pass
    return arguments


def assert_no_secrets(text: str) -> None:
    """Assert that `text` contains no secret."""
    for secret in (SECRET, QUOTED, "open-sesame"):
        assert secret not in text
