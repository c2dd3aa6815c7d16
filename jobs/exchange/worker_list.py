"""The workers of a queue: their hosts, what each of them is doing, and which no longer respond."""

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

# Of the workers of `lab worker`, in seconds.
HEARTBEAT_INTERVAL = 2
HEARTBEAT_TIMEOUT = 5 * HEARTBEAT_INTERVAL  # without a heartbeat for so long, a worker does not respond
WORKER_TTL = 300  # for so long after its last heartbeat, RQ lists a worker

# RQ's own worker sends a heartbeat every 30 s when it is busy, and otherwise every 7 minutes.
RQ_HEARTBEAT_TIMEOUTS = {"busy": 90.0}
RQ_IDLE_HEARTBEAT_TIMEOUT = 480.0

Fields = Mapping[str, str]


@dataclass(frozen=True)
class WorkerInfo:
    """A worker on RQ's list. Durations are in seconds, by the server's clock.

    `current_job` is the name of the process or of the function that has been running for `running_for` seconds.
    `clock_offset` says by how much its host's clock was ahead of the server's when it sent its last heartbeat, less the
    time for which that was on its way. `redis`, `project` and `clock_offset` are known for `lab worker` only.
    """

    name: str
    host: str
    pid: int
    state: str
    current_job: str | None
    running_for: float | None
    uptime: float
    heartbeat_age: float
    problem: str | None
    python: str
    rq: str
    redis: str | None
    project: str | None
    clock_offset: float | None

    @property
    def responds(self) -> bool:
        """Whether it is alive and connected, as far as the server knows."""
        return self.problem is None


@dataclass(frozen=True)
class WorkerRecord:
    """What the server has stored about a worker; `now` is the time on its clock."""

    name: str
    fields: Fields
    now: float
    ttl: float  # seconds until its key expires
    subscribers: int  # connections that are subscribed to its channel
    execution: Fields
    description: str


def worker_count(url: str, queue: str) -> int:
    """Return how many workers, on all hosts, listen on `queue` and respond."""
    return sum(worker.responds for worker in list_workers(url, queue))


def list_workers(url: str, queue: str) -> list[WorkerInfo]:
    """Return the workers of `queue`, sorted by host and process id."""
    with client(url) as connection:
        prefix = len(rq.Worker.redis_worker_namespace_prefix)
        names = [key[prefix:] for key in get_keys(rq.Queue(queue, connection=connection))]
        records = [_fetch(connection, name) for name in names]
    workers = [worker_info(record) for record in records if record.fields]
    return sorted(workers, key=lambda worker: (worker.host, worker.pid))


def worker_info(record: WorkerRecord) -> WorkerInfo:
    """Derive a worker's state from what is stored about it."""
    fields = record.fields
    ours = "beat" in fields
    sent = _timestamp(fields.get("last_heartbeat"), record.now)  # by its host's clock, as all that it has stored
    age = WORKER_TTL - record.ttl if ours else record.now - sent
    offset = sent - (record.now - age) if ours else None
    host_now = record.now + (offset or 0.0)
    state = fields.get("state", "?")
    started = record.execution.get("created_at")
    timeout = HEARTBEAT_TIMEOUT if ours else RQ_HEARTBEAT_TIMEOUTS.get(state, RQ_IDLE_HEARTBEAT_TIMEOUT)
    return WorkerInfo(
        name=record.name,
        host=fields.get("hostname", "?"),
        pid=int(fields.get("pid", 0)),
        state=state,
        current_job=record.description.partition("(")[0] if started else None,  # RQ adds a function's arguments
        running_for=max(0.0, host_now - float(started)) if started else None,
        uptime=max(0.0, host_now - _timestamp(fields.get("birth"), host_now)),
        heartbeat_age=max(0.0, age),
        problem=_problem(record.subscribers, age, timeout),
        python=fields.get("python_version", "?").split()[0],
        rq=fields.get("version", "?"),
        redis=fields.get("redis_version"),
        project=fields.get("project_version"),
        clock_offset=offset,
    )


def _problem(subscribers: int, heartbeat_age: float, timeout: float) -> str | None:
    if not subscribers:
        return "killed or cut off"
    return "paused or cut off" if heartbeat_age > timeout else None


def _fetch(connection: redis.Redis, name: str) -> WorkerRecord:
    key = rq.Worker.redis_worker_namespace_prefix + name
    channel = PUBSUB_CHANNEL_TEMPLATE % name
    with connection.pipeline() as transaction:
        transaction.time()
        transaction.hgetall(key)
        transaction.pttl(key)
        transaction.smembers(WORKER_EXECUTIONS_KEY_TEMPLATE.format(name))
        (seconds, micros), fields, ttl, executions = transaction.execute()
    subscribers = sum(count for _, count in connection.pubsub_numsub(channel))
    execution, description = _current_execution(connection, executions)
    now = seconds + micros / 1e6
    return WorkerRecord(name, _decode(fields), now, ttl / 1000, subscribers, execution, description)


def _current_execution(connection: redis.Redis, executions: set[bytes]) -> tuple[Fields, str]:
    """Return a worker's current execution and the description of its job; both are empty if there is none."""
    for key in executions:
        execution = Execution.from_composite_key(key.decode(), connection)
        fields = _decode(connection.hgetall(execution.key))
        if fields:
            return fields, as_text(connection.hget(Job.key_for(execution.job_id), "description") or "?")
    return {}, ""


def _decode(fields: Mapping[Any, Any]) -> Fields:
    return {name.decode(): value.decode(errors="replace") for name, value in fields.items()}


def _timestamp(time: str | None, default: float) -> float:
    return utcparse(time).timestamp() if time else default
