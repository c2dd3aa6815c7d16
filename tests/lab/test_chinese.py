"""What is shown of a run in Chinese: no English is left, and columns and lanes are aligned."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Iterator, Sequence
from gettext import gettext
from html.parser import HTMLParser

import pytest
from rich.cells import cell_len
from rich.console import Console

from lab.checks import verdicts
from lab.checks.verdicts import Judgement
from lab.exercises import EXERCISES
from lab.formatting import fill_in, join_names
from lab.language import language
from lab.programs.page import program_document
from lab.programs.report import report as report_program
from lab.programs.report import report_saved
from lab.programs.run import ProgramRun
from lab.report.chart import draw
from lab.report.explanations import explain
from lab.report.faults import describe_fault, describe_faults
from lab.report.lanes import draw_lanes
from lab.report.live import LiveRun
from lab.report.table import report
from lab.report.web.exercise import exercise_document
from lab.report.web.page import render
from lab.result import Result, judge, summarize, to_json
from lab.runtime.fault_plan import ENDING, INSIDE, WAITING
from lab.trace import DIES, LAB, LET_IN, RESTARTS, RESTARTS_EMPTY, STOP, Event, Trace
from tests.support.traces import KILLED, LEASE_LOST, TWO_BUYERS, event, judged_run, parse_trace, with_times_multiplied

ENGLISH = re.compile(r"[A-Za-z']+(?:,? [A-Za-z']+){2,}")  # three words are a sentence, or a part of one
CHINESE = re.compile(r"[\u4e00-\u9fff]")

BOTH_INSIDE = TWO_BUYERS.replace("0.6 a leaves\n0.7 b enters 2", "0.6 b enters 2\n0.7 a leaves")
OVERSOLD = TWO_BUYERS.replace("0.8 b buys 0", "0.8 b buys 1")
STALLED = """
0.0 a starts
0.0 b starts
0.1 a requests
0.1 a enters
0.1 b requests
0.2 a dies
10 lab stops_run
10 lab joins a -9
10 lab joins b
10 lab ends_run
"""


@pytest.fixture(autouse=True)
def _chinese() -> Iterator[None]:
    with language("zh"):
        yield


def with_fault(text: str, backend: str = "redis", kind: str = "kill") -> Result:
    trace = parse_trace(text, backend=backend, stock=1, clients=2)
    return judge(dataclasses.replace(trace, faults={"kind": kind, "count": 1, "seed": 0}))


def deadlock() -> Result:
    steps = [
        event(0.0, LAB, "creates", on="fork 0", value=1, why="lock"),
        event(0.0, LAB, "creates", on="fork 1", value=1, why="lock"),
        *(event(0.1, f"philosopher {number}", "starts") for number in (0, 1)),
        *(event(0.2, f"philosopher {number}", "enters", on=f"fork {number}") for number in (0, 1)),
        *(event(0.3, f"philosopher {number}", "requests", on=f"fork {1 - number}") for number in (0, 1)),
        event(1.0, LAB, STOP),
    ]
    return judge(Trace("philosophers", "local", {"seats": 2, "how": "nothing"}, tuple(steps)))


def on_few_workers() -> list[Result]:
    few = judged_run(backend="rq", clients=20)
    many = judged_run(TWO_BUYERS + "".join(f"0.05 c{number} starts\n" for number in range(18)), "redis", clients=20)
    return [dataclasses.replace(few, trace=dataclasses.replace(few.trace, workers=2)), many]


def on_two_hosts() -> list[Result]:
    trace = parse_trace(TWO_BUYERS, backend="rq", clients=2, stock=2)
    events = [dataclasses.replace(each, host=f"host-{each.who}", error=0.002) for each in trace.events]
    return [judge(dataclasses.replace(trace, events=tuple(events)))]


def variants() -> list[Result]:
    fast = with_times_multiplied(TWO_BUYERS, 0.5)
    slow = [judged_run(with_times_multiplied(TWO_BUYERS, factor)) for factor in (0.9, 1, 1.2)]
    alike = [judged_run(with_times_multiplied(TWO_BUYERS, factor), how="unfenced") for factor in (0.9, 1, 1.2)]
    return summarize([*slow, *alike, judged_run(fast, how="queue"), judged_run(OVERSOLD, how="nothing")])


COMPARISONS: dict[str, Callable[[], list[Result]]] = {
    "alike": lambda: [judged_run(), judged_run(backend="redis")],
    "differing": lambda: [judged_run(), judged_run(BOTH_INSIDE, "redis"), judged_run(OVERSOLD, "rq")],
    "variants": variants,
    "killed": lambda: [with_fault(KILLED), with_fault(STALLED, "local")],
    "calm": lambda: [with_fault(TWO_BUYERS), with_fault(TWO_BUYERS, "local", "cut")],
    "paused": lambda: [with_fault(LEASE_LOST), with_fault(LEASE_LOST.replace("is_refused 1", "buys 0"), "rq")],
    "cut": lambda: [with_fault(LEASE_LOST.replace(" pauses", " is_cut_off").replace(" resumes", " reconnects"))],
    "restarted": lambda: [
        with_fault(LEASE_LOST.replace("a pauses", f"a {name}").replace("a resumes", "a server_is_back"))
        for name in ("restarts_server", "restarts_server_empty")
    ],
    "deadlock": lambda: [deadlock()],
    "few workers": on_few_workers,
    "hosts": on_two_hosts,
}


def printed(show: Callable[[Console], object]) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(console)
    return console.file.getvalue()  # type: ignore[attr-defined]


class Shown(HTMLParser):
    """The texts of a page, those of its attributes included; not its command and its scripts."""

    HIDDEN = ("script", "style", "code")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.texts += [value or "" for name, value in attrs if name in ("title", "aria-label", "placeholder")]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {*self.HIDDEN} & set(self.open):
            self.texts.append(data)


def english(*texts: str) -> list[str]:
    return [found for text in texts for found in ENGLISH.findall(text)]


@pytest.mark.parametrize("name", COMPARISONS)
def test_no_english_is_left_in_a_report_on_an_exercise(name: str):
    results = COMPARISONS[name]()
    text = printed(lambda console: report(results, console))
    assert english(text, explain(results)) == []
    assert CHINESE.search(explain(results))


@pytest.mark.parametrize("name", COMPARISONS)
def test_no_english_is_left_in_a_page(name: str):
    page = render(exercise_document(COMPARISONS[name]()), [])
    assert page.startswith('<!DOCTYPE html>\n<html lang="zh">')
    assert english(*Shown(page).texts) == []


def program(backend: str, output: str | None, *events: Event) -> ProgramRun:
    created = [event(0, "MainProcess", "creates", on=name, why=kind, value=1) for name, kind in PRIMITIVES.items()]
    start = [event(0, "MainProcess", "starts run"), event(1, "a", "starts"), event(1, "b", "starts")]
    parameters = {"arguments": [], "limit": 2.0}
    return ProgramRun(Trace("program.py", backend, parameters, (*start, *created, *events)), output)


PRIMITIVES = {"x": "lock", "y": "semaphore", "c": "condition", "e": "event", "b": "barrier", "q": "queue", "v": "value"}
USES = (
    *(event(2, "a", "enters", on="x"), event(2, "b", "enters", on="y")),
    *(event(3, "a", "requests", on="y"), event(3.5, "b", "requests", on="x")),
)
ENDED = event(9, LAB, "joins", on="MainProcess", value=1)
PROGRAMS = {
    "deadlock": [program("local", "1\n", *USES, event(5, LAB, STOP, why="limit")), program("redis", "2\n", ENDED)],
    "waiting": [
        program("rq", "", *(event(3, "a", "waits", on=name) for name in ("c", "e", "b")), event(5, LAB, STOP)),
        program("rq", "", event(3, "a", "begins put", on="q"), event(5, LAB, STOP, why="interrupt")),
    ],
    "differing": [
        program("local", "1\nthree\n", event(2, "a", "enters", on="x"), event(3, "b", "enters", on="x"), ENDED),
        program("redis", "1\nfour\nfive\n", event(3, "a", "fails"), dataclasses.replace(ENDED, value=0)),
    ],
    "alike": [program(name, "1\n", ENDED) for name in ("local", "redis")],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_english_is_left_in_a_report_on_a_program(name: str):
    runs = PROGRAMS[name]
    saved = [dataclasses.replace(run, output=None) for run in runs]
    text = printed(lambda console: (report_program(runs, 2.0, console), report_saved(saved, console)))
    assert english(text) == []
    assert english(*Shown(render(program_document(runs), [])).texts) == []


@pytest.mark.parametrize("name", EXERCISES)
def test_rows_variants_and_actors_of_every_exercise_are_chinese(name: str):
    trace = parse_trace("0 lab starts_run", name)
    result = judge(trace)
    messages = [*result.outcome, *result.exercise.variants().values(), result.exercise.counted_actors]
    texts = [result.verdict.evidence, *map(gettext, messages)]
    assert [text for text in texts if not CHINESE.search(text)] == []


def test_a_trace_is_judged_alike_in_both_languages():
    chinese = judged_run(OVERSOLD)
    with language("en"):
        english_run = judged_run(OVERSOLD)
    assert str(chinese.verdict) == "无效"
    assert chinese.verdict.evidence == "a 和 b 都读到剩余 2 张，又都买了票；库存 2 张，卖出 2 张"
    assert chinese.verdict.judgement is english_run.verdict.judgement is Judgement.INVALID
    figures, in_english = (to_json([run])["runs"][0] for run in (chinese, english_run))
    assert figures["verdict"] == "invalid"
    assert {**figures, "evidence": ""} == {**in_english, "evidence": ""}


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_table_is_aligned(name: str):
    lines = printed(lambda console: report(COMPARISONS[name](), console)).splitlines()
    table = [line for line in lines if line[:1] in "┏┃┡│├└" and line]
    assert len(table) > 5
    assert len({cell_len(line) for line in table}) == 1


def test_lanes_and_charts_are_aligned():
    names = {"a": "读者", "b": "writer 12"}
    trace = parse_trace(TWO_BUYERS)
    events = tuple(dataclasses.replace(each, who=names.get(each.who, each.who)) for each in trace.events)
    _, *lanes, axis = draw_lanes(dataclasses.replace(trace, events=events), 80).plain.splitlines()
    starts = [cell_len(line[: re.search("[█·]", line).start()]) for line in lanes]  # type: ignore[union-attr]
    assert len(set(starts)) == 1, "both ask at the same time"
    assert cell_len(axis) == 80
    legend, *_, time = draw([judged_run(BOTH_INSIDE)], 80).plain.splitlines()
    assert legend == "临界区内（█ = 2，· = 无，红色和 ^ = 超过 1）"
    assert cell_len(time) == 80


def test_live_view_is_chinese():
    view = LiveRun(lambda: 1.0)
    for each in (
        event(0, "a", "enters", on="db"),
        event(0, "b", "requests", on="db"),
        event(0, "a", "pauses"),
        event(0, "c", "ends"),
    ):
        view.on_event(each)
    assert list(view.activities()) == ["在 db 内，暂停", "等待 db", "已结束"]
    assert english(printed(lambda console: console.print(view))) == []


def test_names_are_joined_as_in_chinese():
    assert join_names(["a"]) == "a"
    assert join_names(["a", "b", "c"]) == "a、b 和 c"
    assert join_names([str(number) for number in range(10)]) == "0、1、2、3、4、5、6、7 等（另有 2 个）"
    assert join_names(["a（被杀死）", "b"]) == "a（被杀死）和 b"
    assert join_names(["a", "b（被杀死）"]) == "a 和 b（被杀死）"
    assert fill_in("{names} 等待 {what}", names="a 等（另有 2 个）", what="b") == "a 等（另有 2 个）等待 b"


def test_evidence_of_several_checks_is_one_sentence():
    checks = [verdicts.valid("甲"), verdicts.valid(""), verdicts.valid("乙")]
    assert verdicts.worst(checks).evidence == "甲；乙"


@pytest.mark.parametrize("moment", [LET_IN, INSIDE, WAITING, ENDING, ""])
@pytest.mark.parametrize("what", [DIES, "pauses", "is cut off", RESTARTS, RESTARTS_EMPTY])
def test_every_fault_at_every_moment_is_described(what: str, moment: str):
    met: Sequence[Event] = [event(1, who, what, on="db", why=moment) for who in ("a", "b")]
    trace = Trace("tickets", "redis", {}, tuple(met), faults={"kind": "kill", "count": 2, "seed": 0})
    both = describe_faults(trace)
    assert english(describe_fault(met[0]), both) == []
    assert both.startswith("a 和 b ")
