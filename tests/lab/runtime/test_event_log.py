"""A log whose run has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.runtime.event_log import FileLog
from lab.trace import new_event


def test_process_that_outlives_its_run_ends_when_it_records_an_event(tmp_path: Path):
    log = FileLog(tmp_path / "deleted" / "trace")
    with pytest.raises(SystemExit) as ended:
        log.append(lambda when, error: new_event("orphan", "ends", when, error))
    assert not ended.value.code
