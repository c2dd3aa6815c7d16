"""A plot of a run, with a panel for each measurement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from bench.figures import Rows

COLUMNS = 2
BROKER, LIMIT, OTHER = "#c8442b", "#9aa3ab", "#3f6c9b"


def draw(results: dict[str, Rows], titles: dict[str, str], setting: str, file: Path) -> None:
    """Draw a panel for each measurement of a run."""
    height = -(-len(results) // COLUMNS)
    figure = Figure(figsize=(12, 3.3 * height + 0.3), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
    grid = list(figure.subplots(height, COLUMNS, squeeze=False).flat)
    for axes, (name, rows) in zip(grid, results.items(), strict=False):
        PANELS.get(name, _times)(axes, rows)
        axes.set_title(titles[name], loc="left", fontsize=11, fontweight="bold")
        axes.grid(color="#e4e4e4")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(results) :]:
        axes.set_axis_off()
    figure.supxlabel(setting, fontsize=8, color="#555555")
    figure.savefig(file, dpi=120)


def _times(axes: Axes, rows: Rows) -> None:
    for place, (name, row) in enumerate(rows.items()):
        reach = [[row["median"] - row["low"]], [row["high"] - row["median"]]]
        axes.errorbar(row["median"], place, xerr=reach, fmt="o", color=_colour(name), capsize=3)
        axes.annotate(
            f"{row['median']:,.0f}" if row["median"] >= 1 else f"{row['median']:.2f}",
            (row["high"], place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_xscale("log")
    left, right = axes.get_xlim()
    axes.set_xlim(left, right * (right / left) ** 0.15)  # room for the last label
    axes.xaxis.set_major_locator(_ticks(right / left))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    _name_rows(axes, rows)
    axes.set_xlabel("µs (logarithmic), median and quartiles")


def _ticks(span: float) -> LogLocator:
    if span > 1e5:
        return LogLocator(base=100)
    return LogLocator(subs=(1, 3) if span < 500 else (1,))


def _fairness(axes: Axes, rows: Rows) -> None:
    colours = [_colour(name) for name in rows]
    for column, marker, size in (("jain", "o", 40), ("held", "|", 120)):
        axes.scatter([row[column] for row in rows.values()], range(len(rows)), s=size, c=colours, marker=marker)
    _name_rows(axes, rows)
    axes.set_xlim(0, 1.02)
    key = [
        Line2D([], [], color="#444444", marker=marker, markersize=size, linestyle="", label=label)
        for marker, size, label in (("o", 6, "Jain's index; 1 is fair"), ("|", 11, "share of time held"))
    ]
    axes.legend(handles=key, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2, fontsize=9, frameon=False)


def _name_rows(axes: Axes, rows: Rows) -> None:
    axes.set_yticks(range(len(rows)), list(rows))
    for label in axes.get_yticklabels():
        label.set_fontweight("bold" if label.get_text() == "broker" else "normal")
    axes.set_ylim(len(rows) - 0.4, -0.6)


def _messages(axes: Axes, rows: Rows) -> None:
    for name, row in rows.items():
        waiters = [int(number) for number in row]
        axes.plot(waiters, [column["requests"] for column in row.values()], "o-", color=_colour(name))
        axes.annotate(
            name,
            (waiters[-1], row[str(waiters[-1])]["requests"]),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(waiters, [str(number) for number in waiters])
    axes.set_xlim(waiters[0] / 1.5, waiters[-1] * 9)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("waiters (logarithmic)")
    axes.set_ylabel("requests per acquisition")


def _delays(axes: Axes, rows: Rows) -> None:
    axes.hist(rows["broker"]["delays"], bins=20, color=BROKER)
    axes.set_xlabel("seconds after the interval until a silent process is dead")


def _colour(name: str) -> str:
    if name == "broker":
        return BROKER
    return LIMIT if "raw" in name else OTHER


# Of measurements whose rows are not times.
PANELS: dict[str, Callable[[Axes, Rows], None]] = {"fairness": _fairness, "messages": _messages, "board": _delays}
