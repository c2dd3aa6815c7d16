"""Columns are aligned in Chinese, where a character is two columns wide."""

from __future__ import annotations

import io
from collections.abc import Iterator
from gettext import gettext

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from broker import Holder, PrimitiveInfo, Waiter
from jobs.exchange.worker_list import worker_info
from lab.cli.doctor_command import findings_table
from lab.cli.top_command import Controls
from lab.cli.worker_commands import summary, workers_table
from lab.doctor.findings import ok, problem
from lab.learn.rungs import RUNGS
from lab.report.primitives import primitives_table
from tests.support.chinese import is_chinese
from tests.support.lab import RunLab
from tests.support.worker_records import OUR_FIELDS, make_record

DEAD = worker_info(make_record(OUR_FIELDS, subscribers=0))
ALIVE = worker_info(make_record(OUR_FIELDS | {"hostname": "网络 2"}))
LOCK = PrimitiveInfo(
    *("Lock", "余票", 1, 0),
    waiting=1,
    holders=(Holder("one", 7, "客户端 1", 7, 997_000_000, 997.0, 9.51),),
    waiters=(Waiter("two", 8, "client 2", 9, "acquire", 1, 998.5),),
)
FINDINGS = [
    ok("version", "Redis 7.0.15"),
    problem("host {name}", "时钟比服务器慢 40.0 s：RQ 会比较各主机的时钟，" * 4, "`CONFIG SET save x`，" * 8, "web1"),
]


def lines_of(renderable: RenderableType, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(renderable)
    return file.getvalue().splitlines()


@pytest.fixture(autouse=True)
def in_chinese(chinese: None) -> Iterator[None]:
    return


@pytest.mark.parametrize("width", [50, 80, 120])
@pytest.mark.parametrize(
    "table",
    [
        pytest.param(lambda: findings_table(FINDINGS), id="doctor"),
        pytest.param(lambda: workers_table([ALIVE, DEAD]), id="workers"),
        pytest.param(lambda: primitives_table([LOCK], now=1000.0), id="locks"),
    ],
)
def test_all_lines_of_a_table_are_equally_wide(table, width: int):
    lines = lines_of(table(), width)
    assert len({cell_len(line) for line in lines}) == 1
    assert cell_len(lines[0]) <= width


def test_chinese_fills_its_cell():
    text = "\n".join(lines_of(findings_table(FINDINGS), 80))
    assert "时钟比服务器慢 40.0" in text
    cells = [line.split("│")[-2] for line in text.splitlines() if "│" in line]
    assert all(cell_len(cell.strip()) > 40 for cell in cells[1:3])


def test_titles_of_the_rungs_are_below_each_other(lab_in_process: RunLab):
    lab_in_process("learn", "start", 3)
    lines = lab_in_process("learn").stdout.splitlines()
    titles = [gettext(rung.title) for rung in RUNGS]
    assert "已开始" in lines[2]
    assert {cell_len(line[: line.index(title)]) for line, title in zip(lines, titles, strict=True)} == {31}


def test_sentences_about_workers_and_keys():
    assert summary([DEAD, ALIVE]) == "2 台主机，2 个 worker：1 个空闲、1 个无响应"
    assert is_chinese(summary([]))
    controls = Controls()
    assert is_chinese(str(controls))
    controls.only = "Lock tickets"
    assert str(controls) == "只看 Lock tickets（ESC：全部，q：退出）"
