"""The address under which other hosts reach this one."""

from __future__ import annotations

import socket

from redis.connection import parse_url

from lab.runtime.context import Context

LOOPBACK = "127.0.0.1"


def server_url(ctx: Context) -> str | None:
    """Return the URL of the Redis server behind a context; None if there is none."""
    return getattr(ctx, "url", None)


def own_address(url: str | None) -> str:
    """Return the address under which this host is reached by the hosts that use the Redis server at `url`.

    That is loopback if the server is on this host, or if there is no server.
    """
    server = parse_url(url) if url else {}
    if "path" in server or not server.get("host"):
        return LOOPBACK
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((server["host"], server.get("port", 6379)))  # UDP: sends nothing, but selects the route
        return str(probe.getsockname()[0])
