"""The pages in a real browser: no error, readable at any width and in both schemes, zoom, hover, filters and jumps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from lab.exercises import EXERCISES
from lab.language import language
from lab.report.web.exercise import exercise_document
from lab.report.web.page import render
from tests.support.actors import TIMEOUT
from tests.support.traces import judged_run

pytestmark = pytest.mark.slow

PAGES = (*EXERCISES, "oversold", "program")
WIDTHS = (1280, 400)
SCHEMES = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}
FRAME = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
COLORS = """
const canvas = document.getElementById("canvas");
const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
return new Set(pixels).size;
"""


class Page:
    """An open report."""

    def __init__(self, browser: Chrome, path: Path) -> None:
        self.browser = browser
        browser.get(path.as_uri())

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def ask(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(f"return {script}", *arguments)

    def drawn(self) -> None:
        self.browser.execute_async_script(FRAME)

    def length(self) -> float:
        """Return how many seconds of the run are shown."""
        return float(self.ask("timeline.view.length"))

    def press(self, *keys: str) -> None:
        self.find("#canvas").send_keys(*keys)

    def details(self) -> str:
        return self.find("#details").text

    def point_at(self, x: float, y: float) -> None:
        """Move the pointer to a place of the picture, from its upper left corner."""
        canvas = self.find("#canvas")
        left, top = x - canvas.size["width"] / 2, y - canvas.size["height"] / 2
        ActionChains(self.browser, duration=0).move_to_element_with_offset(canvas, round(left), round(top)).perform()


OPERATIONS_PER_PIXEL = 15  # in each line: bars, marks, an arrow with its fence, the steps of a counter
COUNT_OPERATIONS = """(() => {
    const painter = timeline.painter;
    const context = painter.context;
    let count = 0;
    painter.context = new Proxy(context, {
        get: (_, name) => typeof context[name] !== "function" ? context[name] : (...given) => {
            count += 1;
            return context[name](...given);
        },
        set: (_, name, value) => { context[name] = value; return true; },
    });
    painter.paint({ ...timeline, top: 0, evidence: [] });
    painter.context = context;
    return count;
})()"""


@pytest.fixture
def open_page(browser: Chrome, reports: Path) -> Any:
    def open_page(name: str, width: int = 1280, scheme: str = "light") -> Page:
        show_as(browser, width, scheme)
        return Page(browser, reports / f"{name}.html")

    return open_page


@pytest.fixture(autouse=True)
def _no_errors(browser: Chrome) -> Any:
    yield
    assert browser.get_log("browser") == []


def show_as(browser: Chrome, width: int, scheme: str) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize("name", PAGES)
def test_every_report_is_readable_at_each_width_and_in_both_schemes(open_page: Any, tmp_path: Path, name: str):
    for width in WIDTHS:
        for scheme, background in SCHEMES.items():
            page = open_page(name, width, scheme)
            page.drawn()
            assert page.find("h1").text
            assert page.ask("document.documentElement.scrollWidth") == width
            assert page.ask("getComputedStyle(document.body).backgroundColor") == background
            assert page.ask(f"(() => {{ {COLORS} }})()") > 5  # something is drawn
            page.browser.save_screenshot(str(tmp_path / f"{name}-{width}-{scheme}.png"))


def test_the_verdict_is_the_first_that_is_read(open_page: Any):
    assert open_page("tickets").find("h1").text.startswith("Valid on local: 2 sold and 0 left, of 2")
    assert "both bought" in open_page("oversold").find("h1").text


def test_jump_to_the_first_violation(open_page: Any):
    page = open_page("oversold")
    places = page.ask("timeline.places.map((place) => place.time)")
    assert len(places) == 2
    page.ask("timeline.view.show(0, 0.001)")  # far away
    page.find("[data-evidence]").click()
    assert "buys" in page.details()
    start, end = page.ask("[timeline.view.start, timeline.view.end]")
    assert all(start < place < end for place in places)
    assert page.ask("document.activeElement.id") == "canvas"


def test_jump_to_a_deadlock(open_page: Any):
    page = open_page("program")
    assert "Deadlock on local" in page.find("h1").text
    buttons = page.browser.find_elements(By.CSS_SELECTOR, "[data-evidence]")
    assert [button.text for button in buttons] == ["Jump to the first violation (local)", "Show it (redis)"]
    for run, button in zip(("local", "redis"), buttons, strict=True):
        button.click()
        assert page.details().startswith(f"{run}, ")
        assert "waiting" in page.details()
        assert "(deadlock.py:" in page.details()


def test_pointing_at_a_bar_says_what_it_is(open_page: Any):
    page = open_page("tickets")
    x, y = page.ask("""(() => {
        const line = timeline.layout.lines.find(({ lane }) => lane && lane.spans.some(({ kind }) => kind === "inside"));
        const span = line.lane.spans.find(({ kind }) => kind === "inside");
        return [timeline.painter.x((span.time + span.end) / 2), line.y + span.row * ROW + ROW / 2];
    })()""")
    page.point_at(x, y)
    assert "inside db" in page.details() or "buys" in page.details()
    assert "(process " in page.details()


def test_a_page_in_chinese_says_so_in_chinese(browser: Chrome, tmp_path: Path):
    show_as(browser, 1280, "light")
    path = tmp_path / "index.html"
    with language("zh"):
        path.write_text(render(exercise_document([judged_run()]), []))
    page = Page(browser, path)
    assert page.ask("document.documentElement.lang") == "zh"
    page.ask("timeline.select({ run: 0, item: timeline.runs[0].spans.find(({ kind }) => kind === 'inside') })")
    said = re.sub(r"-?\d{4,}", "N", page.details())
    assert said == "local，a（here 上的进程 N）：临界区内 db；200 ms 至 600 ms，历时 400 ms；栅栏令牌 1"
    assert page.find("#legend").text.split("\n") == ["等待", "临界区内", "其他", "买票、通过", "交接，附栅栏令牌"]


def test_zoom_and_movement_by_keyboard_buttons_and_wheel(open_page: Any):
    page = open_page("ktv")
    lengths = [page.length()]
    page.press("+")
    lengths.append(page.length())
    page.find("#zoom-in").click()
    lengths.append(page.length())
    wheel = {"type": "mouseWheel", "deltaX": 0, "deltaY": -200, "modifiers": 2}
    box = page.ask("document.getElementById('canvas').getBoundingClientRect().toJSON()")
    page.browser.execute_cdp_cmd("Input.dispatchMouseEvent", {**wheel, "x": box["x"] + 400, "y": box["y"] + 60})
    WebDriverWait(page.browser, TIMEOUT).until(lambda _: page.length() < lengths[-1])
    start = page.ask("timeline.view.start")
    page.press(Keys.ARROW_RIGHT)
    assert page.ask("timeline.view.start") > start
    page.press("-")
    assert page.length() > lengths[-1] * 0.7
    page.press("0")
    assert page.length() == pytest.approx(lengths[0])
    assert lengths == sorted(lengths, reverse=True)


def test_every_event_can_be_reached_by_keyboard(open_page: Any):
    page = open_page("tickets")
    page.press("j")
    first = page.details()
    assert "local, " in first
    page.press("n")
    assert page.details() != first
    page.press("p")
    assert page.details() == first
    page.press("j")
    assert page.details().split(":")[0] != first.split(":")[0]  # another process


def test_filters_by_process_and_by_primitive(open_page: Any):
    page = open_page("program")
    lanes = "timeline.layout.lines.filter(({ kind }) => kind === 'lane').map(({ lane }) => lane.who)"
    page.find("#process").send_keys("left")
    assert page.ask(lanes) == ["left", "left"]
    page.find("#process").clear()
    page.find("#process").send_keys("nobody")
    assert page.ask(lanes) == []
    page.find("#process").clear()
    page.find("#process").send_keys(" ")
    page.find("#primitive").send_keys("hall")
    counters = page.ask("timeline.layout.lines.filter(({ counter }) => counter).map(({ counter }) => counter.on)")
    assert counters
    assert all(name.startswith("hall (deadlock.py:") for name in counters)
    page.drawn()


def test_what_is_drawn_is_bounded_by_the_pixels(browser: Chrome, tmp_path: Path):
    """However many events there are: two clients enter in turn, so that each hands over to the other."""
    show_as(browser, 400, "light")
    path = tmp_path / "index.html"
    path.write_text(large_page(2, 5000, elapsed=60))
    page = Page(browser, path)
    events = page.ask("timeline.runs[0].marks.length + timeline.runs[0].spans.length + timeline.runs[0].arrows.length")
    assert events >= 20_000
    width, lines = page.ask("[timeline.painter.width - timeline.painter.gutter, timeline.layout.lines.length]")
    assert page.ask(COUNT_OPERATIONS) < OPERATIONS_PER_PIXEL * width * lines


def test_ten_thousand_events_are_drawn(browser: Chrome, tmp_path: Path):
    show_as(browser, 1280, "light")
    path = tmp_path / "index.html"
    path.write_text(large_page(200, 2600, elapsed=26))
    page = Page(browser, path)
    for _ in range(5):
        page.press("+")
        page.drawn()
    assert page.ask("timeline.runs[0].marks.length + 2 * timeline.runs[0].spans.length") > 10_000


def large_page(clients: int, purchases: int, elapsed: float) -> str:
    """Return a page about purchases of clients, who enter one after the other while the next ones wait."""
    lines = []
    pace = elapsed / purchases
    for number in range(purchases):
        who, when = f"client_{number % clients}", number * pace
        lines.append((max(0, when - 0.9 * pace), f"{who} requests"))
        lines.append((when, f"{who} enters {number + 1}"))
        lines += [(when + 0.3 * pace, f"{who} buys {number}"), (when + 0.9 * pace, f"{who} leaves")]
    text = "\n".join(f"{when} {what}" for when, what in sorted(lines, key=lambda line: line[0]))
    return render(exercise_document([judged_run(f"0 lab starts_run\n{text}")]), [])
