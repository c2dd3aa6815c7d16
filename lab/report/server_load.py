"""How busy a Redis server is."""

from __future__ import annotations

from collections.abc import Mapping
from gettext import gettext as _
from typing import Any, NamedTuple


class ServerSample(NamedTuple):
    """What the server has counted since it was started, and when, by its clock."""

    time: float
    commands: int
    cpu_seconds: float


def server_sample(time: float, info: Mapping[str, Any]) -> ServerSample:
    """Return a sample of the reply to INFO at `time`."""
    return ServerSample(time, info["total_commands_processed"], info["used_cpu_sys"] + info["used_cpu_user"])


def describe_load(before: ServerSample | None, after: ServerSample) -> str:
    """Return in words what the server did between two samples; nothing without an earlier one."""
    if before is None or after.time <= before.time or after.commands < before.commands:  # or it was restarted
        return ""
    seconds = after.time - before.time
    commands = (after.commands - before.commands) / seconds
    share = (after.cpu_seconds - before.cpu_seconds) / seconds
    return _(", {commands:.0f} commands/s, {share:.0%} of a core").format(commands=commands, share=share)
