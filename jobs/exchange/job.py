"""RQ's job, signed if there is a secret.

RQ unpickles parts of a job as soon as it reads the job, and imports what its fields name. So the signature is verified
before RQ sees any of that. It covers the job's id, its queue, how long it is valid, and every field but those that RQ
itself changes during the job's life. Those of them that RQ pickles (results, `meta`) have signatures of their own.

A job without a valid signature becomes one that only raises `SignatureError`. So it fails as any job that raises: RQ
records why, and the worker takes the next job.
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

SIGNATURE_LIFETIME = 7 * 24 * 3600  # seconds within which a job may run, or be sent again by whoever has a copy
UNSIGNED_RESULT = "Unsigned return value"  # replaces a result that was not unpickled, as RQ's "Unserializable …" does
SIGNATURE_FIELD, EXPIRY_FIELD = "seal", "sealed_until"
# What RQ changes during a job's life; none of it says what is to run.
MUTABLE_FIELDS = {
    *("status", "enqueued_at", "started_at", "ended_at", "last_heartbeat", "worker_name", "exc_info"),
    *("retries_left", "number_of_retries", "repeats_left", "enqueue_at_front"),
}
PICKLED_FIELDS = ("meta", "result")

log = logging.getLogger(__name__)


class SignedJob(rq.job.Job):
    """An RQ job that the lab's workers accept when there is a secret; without a secret it is RQ's own job.

    For your own jobs: `rq.Queue("lab", connection=…, job_class=jobs.SignedJob)`.
    """

    def __init__(self, id: str | None = None, connection: Any = None, serializer: Any = None) -> None:  # noqa: A002
        super().__init__(id, connection, SigningSerializer(self) if signing.key() else serializer)
        self._valid_until = 0

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        """Return the fields as they are stored on the server."""
        fields: dict[str, Any] = super().to_dict(include_meta, include_result)
        if signing.key():
            # Set once: a job that RQ saves again is not valid for longer.
            self._valid_until = self._valid_until or int(time.time()) + SIGNATURE_LIFETIME
            fields[EXPIRY_FIELD] = self._valid_until
            fields[SIGNATURE_FIELD] = self._signature(fields)
        return fields

    def restore(self, raw_data: Any) -> None:
        """Load the fields that are stored on the server; if they are rejected, become a job that raises the reason."""
        if not signing.key():
            super().restore(raw_data)
            return
        fields = {name.decode(errors="replace"): value for name, value in raw_data.items()}
        if "data" not in fields:  # the rest of a deleted job; RQ skips it
            super().restore(raw_data)
        try:
            self._verify(fields)
            super().restore(raw_data)
            self._valid_until = int(fields[EXPIRY_FIELD])
        except Exception as error:  # also for fields that are signed and still cannot be read
            self._reject(str(error) or type(error).__name__, fields)

    def verify_queue(self, name: str) -> None:
        """Become a job that raises if this one was signed for another queue."""
        if signing.key() and self.origin != name:
            self._reject(f"rejected: job {self.id} was signed for queue {self.origin}, but came from {name}", {})

    def latest_result(self, timeout: int = 0) -> Result | None:
        """Return what RQ's job returns; `UNSIGNED_RESULT` replaces a value without a valid signature."""
        return Result.fetch_latest(self, serializer=self._result_serializer(), timeout=timeout)

    def results(self) -> list[Result]:
        """Return what RQ's job returns, with values as in `latest_result`."""
        results: list[Result] = Result.all(self, serializer=self._result_serializer())
        return results

    def _result_serializer(self) -> Any:
        return _ResultSerializer(self) if signing.key() else self.serializer

    def _verify(self, fields: Mapping[str, Any]) -> None:
        if not hmac.compare_digest(bytes(fields.get(SIGNATURE_FIELD, b"")), self._signature(fields)):
            raise signing.SignatureError(f"rejected: job {self.id} {signing.NOT_VALID_HERE}")
        if int(fields[EXPIRY_FIELD]) < time.time():
            days = SIGNATURE_LIFETIME // 86400
            raise signing.SignatureError(f"rejected: job {self.id} was signed more than {days} days ago")
        for name in PICKLED_FIELDS:
            if fields.get(name):
                self.serializer.loads(fields[name])

    def _signature(self, fields: Mapping[str, Any]) -> bytes:
        covered = sorted(
            (name.encode(), _as_bytes(value))
            for name, value in fields.items()
            if name not in {*MUTABLE_FIELDS, *PICKLED_FIELDS, SIGNATURE_FIELD} and value not in (None, "", b"")
        )
        return signing.signature(b"job", self.id.encode(), *(part for pair in covered for part in pair))

    def _reject(self, reason: str, fields: Mapping[str, Any]) -> None:
        log.warning("%s", reason)
        status = fields.get("status", b"").decode(errors="replace")
        origin = fields.get("origin", self.origin.encode())
        self.__init__(self.id, self.connection)  # type: ignore[misc] # discards everything that was loaded
        harmless = {
            b"data": self.serializer.dumps((f"{reject.__module__}.{reject.__qualname__}", None, (reason,), {})),
            b"status": (status if status in {*JobStatus} else JobStatus.QUEUED).encode(),
            b"description": b"rejected",
            b"origin": origin,
        }
        super().restore(harmless)


class SigningSerializer:
    """Signs what it pickles for one job, and unpickles only what was signed for that job."""

    def __init__(self, job: SignedJob) -> None:
        self._job = job

    def dumps(self, obj: object) -> bytes:
        """Return `obj` as a signed pickle; readers that know nothing of signatures can unpickle it, too."""
        return signing.sign(dumps(obj), "value", self._job.id)

    def loads(self, pickled: bytes) -> Any:
        """Return what was pickled for this job; raise `SignatureError` for anything else."""
        return loads(signing.verify(pickled, "value", self._job.id))


class _ResultSerializer(SigningSerializer):
    def loads(self, pickled: bytes) -> Any:
        try:
            return super().loads(pickled)
        except signing.SignatureError as error:
            log.warning("%s", error)
            return UNSIGNED_RESULT


def reject(reason: str) -> NoReturn:
    """Raise `SignatureError`; a rejected job calls this instead of its function."""
    raise signing.SignatureError(reason)


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
