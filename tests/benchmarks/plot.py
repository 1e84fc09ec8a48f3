"""The comparisons as one picture: a line for each method and peer, how many times faster on a logarithmic axis."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from tests.benchmarks.comparisons import Comparison, rows, times

# Blue and orange of Okabe and Ito, which colour-blind readers tell apart; the states differ in shape, too.
_COLOURS, _SHAPES = {"warm": "#0072b2", "cold": "#e69f00"}, {"warm": "o", "cold": "s"}
_NAMES = {"warm": "warm: picture traced already", "cold": "cold: from nothing"}
_INK, _SOFT, _GREY, _MISSED = "#222222", "#5a5a5a", "#8a8a8a", "#b00020"
# In inches, but for headings, in rows, and for what stands beside the axes, in their widths.
_WIDTH, _DPI, _LEFT, _RIGHT, _TOP, _BOTTOM = 9.6, 160, 0.42, 0.85, 0.6, 0.5
_ROW, _HEADING, _NAME, _PEER, _SAID = 0.22, 1.3, -0.38, -0.36, 1.01


def draw(comparisons: Sequence[Comparison], path: Path) -> None:
    """Draw the comparisons into a PNG."""
    lines = rows(comparisons)
    headings = len({c.group for c in comparisons})
    height = (len(lines) + headings * _HEADING + 1.1) * _ROW + _TOP + _BOTTOM
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((_LEFT, _BOTTOM / height, _RIGHT - _LEFT, 1 - (_TOP + _BOTTOM) / height))
    depth, group = 0.0, ""
    for line in lines:
        if line[0].group != group:
            group = line[0].group
            depth += _HEADING
            axes.text(_NAME, depth, group[0].upper() + group[1:], **_beside(axes, "right"), weight="bold", color=_INK)
        depth += 1
        _line(axes, depth, line)
    _frame(axes, comparisons, depth + 0.8)
    figure.savefig(path)


def _line(axes: Axes, depth: float, line: list[Comparison]) -> None:
    axes.text(_NAME, depth, line[0].name, **_beside(axes, "right"), color=_INK)
    axes.text(_PEER, depth, line[0].peer, **_beside(axes, "left"), color=_SOFT)
    axes.axhline(depth, color="#eeeeee", linewidth=0.8, zorder=0)
    for place, comparison in zip((-0.16, 0.16) if len(line) == 2 else (0,), line, strict=True):
        low, middle, high = comparison.quartiles
        colour, y = _COLOURS[comparison.state], depth + place
        axes.plot([low, high], [y, y], color=colour, linewidth=3, solid_capstyle="butt", alpha=0.55)
        filling = "white" if comparison.missed else colour
        axes.plot(middle, y, _SHAPES[comparison.state], color=colour, markerfacecolor=filling, markersize=5.5, zorder=3)
        if comparison.target:
            mark = _MISSED if comparison.missed else _GREY
            axes.plot([comparison.target] * 2, [y - 0.28, y + 0.28], color=mark, linewidth=2, zorder=2)
    said, missed = " / ".join(times(c.ratio) for c in line), any(c.missed for c in line)
    colour = _MISSED if missed else _INK
    axes.text(_SAID, depth, f"{said} missed" if missed else said, **_beside(axes, "left"), color=colour)


def _beside(axes: Axes, side: str) -> dict[str, object]:
    """Return how text stands beside the axes, at the height of a line."""
    return {"transform": axes.get_yaxis_transform(), "ha": side, "va": "center", "size": 8.5}


def _frame(axes: Axes, comparisons: Sequence[Comparison], depth: float) -> None:
    axes.set_xscale("log")
    axes.set_ylim(depth, -0.3)
    axes.axvline(1, color=_INK, linewidth=1.2, zorder=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([t for t in (0.5, 1, 2, 5, 10, 20, 50, 100, 200) if _within(t, comparisons)])
    axes.tick_params(labelsize=8.5, colors=_INK)
    axes.set_yticks([])
    axes.grid(axis="x", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    for x, side, word in ((_PEER, "left", "against"), (_SAID, "left", "warm / cold")):
        axes.text(x, 0.2, word, **_beside(axes, side), color=_SOFT, style="italic")
    axes.set_xlabel("times as fast as the peer, of the objective times as high (logarithmic)", size=9, color=_INK)
    axes.legend(handles=_legend(), loc="lower center", bbox_to_anchor=(0.12, 1.0), ncols=4, frameon=False, fontsize=8.5)


def _within(tick: float, comparisons: Sequence[Comparison]) -> bool:
    ratios = [quartile for c in comparisons for quartile in c.quartiles]
    return min(0.9, *ratios) / 1.5 <= tick <= max(2.0, *ratios) * 1.5


def _legend() -> list[Line2D]:
    states = [
        Line2D([], [], color=_COLOURS[s], marker=_SHAPES[s], linewidth=3, markersize=5.5, label=_NAMES[s])
        for s in _COLOURS
    ]
    target = Line2D([], [], color=_GREY, marker="|", linestyle="", markersize=9, markeredgewidth=1.6, label="target")
    missed = Line2D(
        [], [], color=_MISSED, marker="|", linestyle="", markersize=9, markeredgewidth=1.6, label="target, missed"
    )
    return [*states, target, missed]
