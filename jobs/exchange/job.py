"""RQ's job, sealed where there is a secret.

RQ unpickles parts of a job as soon as it reads it, and imports what its fields name. So the seal is looked at before
RQ sees any of that. It covers the job's id, its queue, until when it may run, and every field but those that RQ itself
changes while the job lives; what RQ pickles among those (results, `meta`) has a seal of its own.

A job without the right seal becomes one that only raises `UnsealedError`. So it fails as any job that raises: RQ
writes down why, and its worker takes the next.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Mapping
from typing import Any, NoReturn

import rq.job
from rq.job import JobStatus
from rq.results import Result

from jobs.exchange import signing
from jobs.exchange.pickling import dumps, loads

LIFE = 7 * 24 * 3600  # seconds for which a job may run, and may be sent again by whoever has a copy
UNSEALED = "Unsealed return value"  # what stands for a result that was not unpickled, as RQ says "Unserializable …"
SEAL, UNTIL = "seal", "sealed_until"
# What RQ changes while a job lives; none of it says what is to run.
CHANGING = {
    *("status", "enqueued_at", "started_at", "ended_at", "last_heartbeat", "worker_name", "exc_info"),
    *("retries_left", "number_of_retries", "repeats_left", "enqueue_at_front"),
}
PICKLED = ("meta", "result")

log = logging.getLogger(__name__)


class SealedJob(rq.job.Job):
    """A job that our workers run also where they refuse what has no seal.

    For jobs of one's own: `rq.Queue("lab", connection=…, job_class=jobs.SealedJob)`. Without a secret it is RQ's job.
    """

    def __init__(self, id: str | None = None, connection: Any = None, serializer: Any = None) -> None:  # noqa: A002
        super().__init__(id, connection, Sealer(self) if signing.key() else serializer)
        self._until = 0

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        """Return what stands on the server."""
        fields: dict[str, Any] = super().to_dict(include_meta, include_result)
        if signing.key():
            self._until = self._until or int(time.time()) + LIFE  # once: what RQ saves again does not live longer
            fields[UNTIL] = self._until
            fields[SEAL] = self._seal(fields)
        return fields

    def restore(self, raw_data: Any) -> None:
        """Take over what stands on the server, or be a job that says why it does not."""
        if not signing.key():
            super().restore(raw_data)
            return
        fields = {name.decode(errors="replace"): value for name, value in raw_data.items()}
        if "data" not in fields:  # what is left of a job that was deleted; RQ passes over it
            super().restore(raw_data)
        try:
            self._verify(fields)
            super().restore(raw_data)
            self._until = int(fields[UNTIL])
        except Exception as error:  # also for what has a seal and still cannot be read
            self._refuse(str(error) or type(error).__name__, fields)

    def demand_queue(self, name: str) -> None:
        """Become a job that raises if it was meant for another queue than this."""
        if signing.key() and self.origin != name:
            self._refuse(f"refused: job {self.id} was sealed for queue {self.origin}, and came through {name}", {})

    def latest_result(self, timeout: int = 0) -> Result | None:
        """Return what RQ's job does; a value without the right seal is not unpickled, and `UNSEALED` stands for it."""
        return Result.fetch_latest(self, serializer=self._reader(), timeout=timeout)

    def results(self) -> list[Result]:
        """Return what RQ's job does, with values as `latest_result` has them."""
        results: list[Result] = Result.all(self, serializer=self._reader())
        return results

    def _reader(self) -> Any:
        return _ResultSealer(self) if signing.key() else self.serializer

    def _verify(self, fields: Mapping[str, Any]) -> None:
        if not hmac.compare_digest(bytes(fields.get(SEAL, b"")), self._seal(fields)):
            raise signing.UnsealedError(f"refused: job {self.id} has no seal {signing.WHOSE}")
        if int(fields[UNTIL]) < time.time():
            raise signing.UnsealedError(f"refused: job {self.id} was sealed more than {LIFE // 86400} days ago")
        for name in PICKLED:
            if fields.get(name):
                self.serializer.loads(fields[name])

    def _seal(self, fields: Mapping[str, Any]) -> bytes:
        what = sorted(
            (name.encode(), _raw(value))
            for name, value in fields.items()
            if name not in {*CHANGING, *PICKLED, SEAL} and value not in (None, "", b"")
        )
        return signing.seal_of(b"job", self.id.encode(), *(part for pair in what for part in pair))

    def _refuse(self, why: str, fields: Mapping[str, Any]) -> None:
        log.warning("%s", why)
        status = fields.get("status", b"").decode(errors="replace")
        origin = fields.get("origin", self.origin.encode())
        self.__init__(self.id, self.connection)  # type: ignore[misc] # nothing stays of what was there
        harmless = {
            b"data": self.serializer.dumps((f"{refuse.__module__}.{refuse.__qualname__}", None, (why,), {})),
            b"status": (status if status in {*JobStatus} else JobStatus.QUEUED).encode(),
            b"description": b"refused",
            b"origin": origin,
        }
        super().restore(harmless)


class Sealer:
    """What pickles for one job, and unpickles nothing else."""

    def __init__(self, job: SealedJob) -> None:
        self._job = job

    def dumps(self, obj: object) -> bytes:
        """Return `obj` as a sealed pickle; whoever knows of no seals can unpickle it, too."""
        return signing.sealed(dumps(obj), "value", self._job.id)

    def loads(self, pickled: bytes) -> Any:
        """Return what was pickled for this job; raise `UnsealedError` for anything else."""
        return loads(signing.opened(pickled, "value", self._job.id))


class _ResultSealer(Sealer):
    def loads(self, pickled: bytes) -> Any:
        try:
            return super().loads(pickled)
        except signing.UnsealedError as refused:
            log.warning("%s", refused)
            return UNSEALED


def refuse(why: str) -> NoReturn:
    """Raise; a job that was refused does this instead of what it was to do."""
    raise signing.UnsealedError(why)


def _raw(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
