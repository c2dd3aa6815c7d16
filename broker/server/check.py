"""Checks whether a Redis server is suitable for the broker."""

from __future__ import annotations

import contextlib
import re

import redis

from broker.errors import ServerUnavailableError, UnsuitableServerError
from broker.transport.address import without_password
from broker.transport.scripts import pack_command
from broker.transport.server_errors import PASSING, UnexpectedReplyError, translate
from broker.transport.wire import wire_factory

MIN_VERSION = (6, 2)
TIMEOUT = 10.0  # seconds


def check_server(url: str) -> str:
    """Return the name, version and address of the server at `url`.

    Raises `InvalidArgumentError` if `url` is not a Redis URL, `ServerUnavailableError` if no server answers there, and
    `UnsuitableServerError` if the server rejects the credentials or the certificate, is too old, is a replica, a
    Sentinel or a node of a cluster, or may evict keys: two processes could hold an evicted lock at once.
    """
    open_wire = wire_factory(url)
    address = without_password(url)
    try:
        with contextlib.closing(open_wire(TIMEOUT)) as wire:
            wire.send(pack_command(b"INFO"))
            info = _parse_info(wire.read())
    except redis.RedisError as error:
        reason = translate(error, server=f"the Redis server at {address}")
        if isinstance(reason, ServerUnavailableError) and not isinstance(error, PASSING):
            reason = ServerUnavailableError(
                f"no Redis server answers at {address} ({error}); start one there, or leave the URL out to get a "
                "private one"
            )
        raise reason from error
    _check_info(info, address)
    product = "Valkey " + info["valkey_version"] if "valkey_version" in info else "Redis " + info["redis_version"]
    return f"{product} at {address}"


def _parse_info(reply: object) -> dict[str, str]:
    if not isinstance(reply, bytes):
        raise UnexpectedReplyError(reply)
    lines = reply.decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _check_info(info: dict[str, str], address: str) -> None:
    version = re.match(r"(\d+)\.(\d+)", info.get("redis_version", ""))
    if version is None:
        raise UnsuitableServerError(f"the server at {address} is not a Redis server; give the URL of one")
    if tuple(map(int, version.groups())) < MIN_VERSION:
        minimum = ".".join(map(str, MIN_VERSION))
        raise UnsuitableServerError(
            f"the Redis server at {address} is too old ({info['redis_version']}); update it to {minimum} or later"
        )
    if "sentinel" in (info.get("redis_mode"), info.get("server_mode")):  # the latter with Valkey
        raise UnsuitableServerError(
            f"the server at {address} is a Sentinel; give the URL of the master that it monitors, which redis-cli "
            "prints at SENTINEL MASTERS"
        )
    if info.get("cluster_enabled") == "1":
        raise UnsuitableServerError(
            f"the Redis server at {address} is a node of a Redis Cluster, which keeps the broker's keys on several "
            "servers; give the URL of a server without cluster mode"
        )
    if info.get("role") == "slave":
        raise UnsuitableServerError(
            f"the Redis server at {address} is a replica; give the URL of its master, "
            f"{info.get('master_host')}:{info.get('master_port')}"
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory", "0") != "0" and policy != "noeviction":
        raise UnsuitableServerError(
            f"the Redis server at {address} may evict keys (maxmemory-policy {policy}), and two processes could hold "
            "an evicted lock at once; run on it: CONFIG SET maxmemory-policy noeviction"
        )
