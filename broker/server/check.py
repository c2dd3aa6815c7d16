"""Checks whether a Redis server is suitable for the broker."""

from __future__ import annotations

import contextlib
import ssl

import redis

from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.transport.address import without_password
from broker.transport.scripts import pack_command
from broker.transport.wire import wire_factory

MIN_VERSION = (6, 2)
TIMEOUT = 10.0  # seconds


def check_server(url: str) -> str:
    """Return the name, version and address of the server at `url`.

    Raises `InvalidArgumentError` if `url` is not a Redis URL, `ServerUnavailableError` if no server answers there, and
    `UnsuitableServerError` if the server rejects the credentials, is too old, or may evict keys: two processes could
    hold an evicted lock at once.
    """
    open_wire = wire_factory(url)
    address = without_password(url)
    try:
        with contextlib.closing(open_wire(TIMEOUT)) as wire:
            wire.send(pack_command(b"INFO"))
            info = _parse_info(wire.read())
    except (redis.exceptions.AuthenticationError, redis.exceptions.NoPermissionError, redis.ResponseError) as error:
        raise UnsuitableServerError(
            f"the Redis server at {address} refused access ({error}); put the right credentials into the URL: "
            "redis://user:password@host:port"
        ) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        advice = "start one there, or leave the URL out to get a private one"
        if _is_tls_error(error):
            advice = "does it speak TLS, and do ssl_ca_certs, ssl_certfile and ssl_keyfile in the URL match it?"
        raise ServerUnavailableError(f"no Redis server answers at {address} ({error}); {advice}") from error
    _check_info(info, address)
    product = "Valkey " + info["valkey_version"] if "valkey_version" in info else "Redis " + info["redis_version"]
    return f"{product} at {address}"


def _is_tls_error(error: BaseException | None) -> bool:
    if error is None:
        return False
    return isinstance(error, ssl.SSLError) or _is_tls_error(error.__cause__ or error.__context__)


def _parse_info(reply: bytes) -> dict[str, str]:
    return dict(line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)


def _check_info(info: dict[str, str], address: str) -> None:
    version = info.get("redis_version")
    if version is None:
        raise UnsuitableServerError(f"the server at {address} is not a Redis server; give the URL of one")
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_VERSION:
        minimum = ".".join(map(str, MIN_VERSION))
        raise UnsuitableServerError(
            f"the Redis server at {address} is too old ({version}); update it to {minimum} or later"
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory", "0") != "0" and policy != "noeviction":
        raise UnsuitableServerError(
            f"the Redis server at {address} may evict keys (maxmemory-policy {policy}), and two processes could hold "
            "an evicted lock at once; run on it: CONFIG SET maxmemory-policy noeviction"
        )
