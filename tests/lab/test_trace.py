"""A trace is read as it was saved, or refused with the file and the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.errors import InvalidTraceError, LabError, RunEndedError
from lab.files import require_file, require_folder, write_file, write_folder
from lab.result import judge
from lab.runtime.event_log import FileLog, StreamLog
from lab.runtime.recorder import Recorder
from lab.trace import Trace, load_traces
from tests.support.actors import SLACK
from tests.support.traces import TWO_BUYERS, parse_trace

GOOD = parse_trace(TWO_BUYERS, clients=2, stock=2)


def save(folder: Path, text: str) -> Path:
    (folder / "tickets-local.jsonl").write_text(text)
    return folder


def test_round_trip(tmp_path: Path):
    assert load_traces(save(tmp_path, GOOD.dump())) == [GOOD]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"who": "a"}',
        '{"who": "a", "host": "h", "pid": 1, "what": "requests", "when": "noon"}',
        '{"who": "a", "host": "h", "pid": true, "what": "requests", "when": 1}',
        '{"who": "a", "host": "h", "pid": 1, "what": "requests", "when": NaN}',
        '{"who": "a", "host": "h", "pid": 1, "what": "requests", "when": 1e999}',
        '{"who": "a", "host": "h", "pid": 1, "what": "requests", "when": 1, "mood": "good"}',
        '{"who": "a", "host": "h", "pid": 1, "wh',
        "[" * 100_000,
    ],
)
def test_a_corrupt_line_is_named(tmp_path: Path, line: str):
    lines = GOOD.dump().splitlines()
    lines[4] = line
    with pytest.raises(InvalidTraceError, match=r"tickets-local\.jsonl, line 5: .* save the trace again"):
        load_traces(save(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize(
    "change",
    [
        {"trace": "2"},
        {"trace": None},
        {"exercise": 5},
        {"exercise": "chess"},
        {"parameters": []},
        {"parameters": {"clients": 0}},
        {"parameters": {"clients": 2.5}},
        {"parameters": {"rooms": 4}},
        {"workers": "many"},
        {"more": 1},
    ],
)
def test_a_corrupt_first_line_is_named(tmp_path: Path, change: dict[str, object]):
    first, rest = GOOD.dump().split("\n", 1)
    with pytest.raises(InvalidTraceError, match=r"tickets-local\.jsonl, line 1: "):
        list(map(judge, load_traces(save(tmp_path, json.dumps(json.loads(first) | change) + "\n" + rest))))


@pytest.mark.parametrize("version", [1, 2])
def test_another_format_is_refused_with_one_sentence(tmp_path: Path, version: int):
    first, rest = GOOD.dump().split("\n", 1)
    other = json.dumps(json.loads(first) | {"trace": version}) + "\n" + rest
    with pytest.raises(InvalidTraceError) as raised:
        load_traces(save(tmp_path, other))
    assert str(raised.value) == (
        f"{tmp_path}/tickets-local.jsonl, line 1: this trace has format {version}, and this lab reads only format 3; "
        "run it again"
    )


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00"])
def test_a_file_that_is_not_text(tmp_path: Path, content: bytes):
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(InvalidTraceError, match=r"x\.jsonl"):
        load_traces(tmp_path)


def test_a_truncated_trace_is_not_valid(tmp_path: Path):
    lines = GOOD.dump().splitlines()
    for end in range(2, len(lines)):
        cut = Trace.parse("\n".join(lines[:end]), "cut")
        assert str(judge(cut).verdict) != "valid"


def test_recorded_events_are_read_back(tmp_path: Path, url: str):
    stream = StreamLog(url, "lab:test:trace")
    stream.create()
    for log in (FileLog(tmp_path / "trace"), stream):
        me = Recorder(log, "me")
        with me.inside("db", None):
            me.record("buys", value=4)
        events = log.events()
        assert [(event.who, event.what, event.value) for event in events] == [
            ("me", "enters", None),
            ("me", "buys", 4),
            ("me", "leaves", None),
        ]
        assert events[0].when <= events[1].when <= events[2].when
        assert 0 <= events[0].error < SLACK
    stream.delete()
    with pytest.raises(RunEndedError):
        Recorder(stream, "me").record("buys")


def test_files_are_written_atomically(tmp_path: Path):
    write_file(tmp_path / "figures", "old")
    write_file(tmp_path / "figures", "new")
    assert (tmp_path / "figures").read_text() == "new"
    write_folder(tmp_path / "traces", {"a": "1"})
    with pytest.raises(LabError, match="cannot be written"):
        write_folder(tmp_path / "traces", {"b": "2"})
    with pytest.raises(LabError, match="cannot be written"):
        write_file(tmp_path / "traces", "x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "figures", "traces"]


def test_a_place_that_cannot_be_written_to_is_refused_before_the_run(tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(LabError, match="name a new folder"):
        require_folder(tmp_path / "full")
    with pytest.raises(LabError, match="name a new folder"):
        require_folder(tmp_path / "full" / "file")
    with pytest.raises(LabError, match="name a file"):
        require_file(tmp_path / "full")
    for require in (require_file, require_folder):
        with pytest.raises(LabError, match="make it first"):
            require(tmp_path / "none" / "x")
