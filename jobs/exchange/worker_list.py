"""Who works on a queue: hosts, workers, what each of them does, and who has stopped answering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
import rq
from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.executions import WORKER_EXECUTIONS_KEY_TEMPLATE, Execution
from rq.job import Job
from rq.utils import as_text, utcparse
from rq.worker_registration import get_keys

from jobs.exchange.client import client

BEAT = 2  # seconds between the signs of life of a worker of `lab worker`
SHOWN = 300  # seconds for which RQ shows a worker that gives none
SILENT = 5 * BEAT  # seconds after which a worker of `lab worker` that gives no sign of life has stopped answering
RQ_SILENT = {"busy": 90.0}  # the same for RQ's own, which beat every 30 s when busy …
RQ_SILENT_IDLE = 480.0  # … and every 7 minutes else

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Seen:
    """A worker on RQ's list, by the server's clock; lengths of time are in seconds.

    `doing` is the name of the process or of the function that it runs, for `since` seconds. `ahead` says by how much
    its host's clock was ahead of the server's when it gave its last sign of life, or a little less, since that had to
    travel. `redis`, `project` and `ahead` are known of the workers of `lab worker` only.
    """

    name: str
    host: str
    pid: int
    state: str
    doing: str | None
    since: float | None
    up: float
    heard: float
    trouble: str | None
    python: str
    rq: str
    redis: str | None
    project: str | None
    ahead: float | None

    @property
    def answers(self) -> bool:
        """Whether it lives, as far as can be known."""
        return self.trouble is None


@dataclass(frozen=True)
class Record:
    """What the server holds of a worker, at the moment `now` of its clock."""

    name: str
    fields: Fields
    now: float
    left: float  # seconds until its key expires
    listeners: int  # connections that listen to its channel
    execution: Fields
    description: str


def listening(url: str, queue: str) -> int:
    """Return how many workers listen on `queue`, on whatever host, and answer."""
    return sum(worker.answers for worker in roster(url, queue))


def roster(url: str, queue: str) -> list[Seen]:
    """Return the workers of `queue`, by host and process id."""
    with client(url) as connection:
        prefix = len(rq.Worker.redis_worker_namespace_prefix)
        names = [key[prefix:] for key in get_keys(rq.Queue(queue, connection=connection))]
        records = [_look_up(connection, name) for name in names]
    workers = [judge(record) for record in records if record.fields]
    return sorted(workers, key=lambda worker: (worker.host, worker.pid))


def judge(record: Record) -> Seen:
    """Return what a record means."""
    fields = record.fields
    own = "beat" in fields
    sent = _seconds(fields.get("last_heartbeat"), record.now)
    heard = SHOWN - record.left if own else record.now - sent
    ahead = sent - (record.now - heard) if own else None
    here = record.now + (ahead or 0.0)  # by its own clock
    state = fields.get("state", "?")
    running = record.execution.get("created_at")
    return Seen(
        name=record.name,
        host=fields.get("hostname", "?"),
        pid=int(fields.get("pid", 0)),
        state=state,
        doing=record.description.partition("(")[0] if running else None,  # RQ adds a function's arguments
        since=max(0.0, here - float(running)) if running else None,
        up=max(0.0, here - _seconds(fields.get("birth"), here)),
        heard=max(0.0, heard),
        trouble=_trouble(record.listeners, heard, SILENT if own else RQ_SILENT.get(state, RQ_SILENT_IDLE)),
        python=fields.get("python_version", "?").split()[0],
        rq=fields.get("version", "?"),
        redis=fields.get("redis_version"),
        project=fields.get("project_version"),
        ahead=ahead,
    )


def _trouble(listeners: int, heard: float, allowed: float) -> str | None:
    if not listeners:
        return "killed or cut off"
    return "stopped or cut off" if heard > allowed else None


def _look_up(connection: redis.Redis, name: str) -> Record:
    key = rq.Worker.redis_worker_namespace_prefix + name
    channel = PUBSUB_CHANNEL_TEMPLATE % name
    with connection.pipeline() as transaction:
        transaction.time()
        transaction.hgetall(key)
        transaction.pttl(key)
        transaction.smembers(WORKER_EXECUTIONS_KEY_TEMPLATE.format(name))
        (seconds, micros), fields, left, executions = transaction.execute()
    listeners = sum(count for _, count in connection.pubsub_numsub(channel))
    execution, description = _running(connection, executions)
    now = seconds + micros / 1e6
    return Record(name, _decoded(fields), now, left / 1000, listeners, execution, description)


def _running(connection: redis.Redis, executions: set[bytes]) -> tuple[Fields, str]:
    """Return the execution that a worker is busy with, and the description of its job; nothing if there is none."""
    for key in executions:
        execution = Execution.from_composite_key(key.decode(), connection)
        fields = _decoded(connection.hgetall(execution.key))
        if fields:
            return fields, as_text(connection.hget(Job.key_for(execution.job_id), "description") or "?")
    return {}, ""


def _decoded(fields: Mapping[Any, Any]) -> Fields:
    return {name.decode(): value.decode(errors="replace") for name, value in fields.items()}


def _seconds(moment: str | None, otherwise: float) -> float:
    return utcparse(moment).timestamp() if moment else otherwise
