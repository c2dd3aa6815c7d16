"""Whether a Redis server is suitable for the broker."""

from __future__ import annotations

import contextlib
import ssl

import redis

from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.transport.address import without_password
from broker.transport.scripts import pack
from broker.transport.wire import opener

OLDEST = (6, 2)
TIMEOUT = 10.0  # seconds


def check_server(url: str) -> str:
    """Return the name and version of the server at `url`.

    Raises `InvalidArgumentError` for what is no URL, `ServerUnavailableError` if nobody answers, and
    `UnsuitableServerError` if the server wants other credentials, is too old, or may evict keys: an evicted lock is
    a lock that lets two in.
    """
    open_wire = opener(url)
    where = without_password(url)
    try:
        with contextlib.closing(open_wire(TIMEOUT)) as wire:
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
