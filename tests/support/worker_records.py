"""Records of workers, as they are on the server, for tests of what is concluded from them."""

from __future__ import annotations

import dataclasses

from jobs.exchange.worker_list import WorkerRecord

LAST_HEARTBEAT = 1790000000.0
LAST_HEARTBEAT_TEXT = "2026-09-21T14:13:20.000000Z"  # the same time in RQ's format
OUR_FIELDS = {
    "beat": "2",
    "hostname": "web1",
    "pid": "77",
    "state": "idle",
    "birth": "2026-09-21T14:12:20.000000Z",
    "last_heartbeat": LAST_HEARTBEAT_TEXT,
    "python_version": "3.11.7 (main, whatever)",
    "version": "3.0.0",
    "redis_version": "8.1.0",
    "project_version": "0.1.0",
}
ONLY_OURS = ("beat", "redis_version", "project_version")
RQ_FIELDS = {name: value for name, value in OUR_FIELDS.items() if name not in ONLY_OURS}


def make_record(fields: dict[str, str], **changes: object) -> WorkerRecord:
    """Return the record of a worker whose last heartbeat is a second old."""
    return dataclasses.replace(WorkerRecord("web1/77/0", fields, LAST_HEARTBEAT + 1, 299.0, 1, {}, ""), **changes)
