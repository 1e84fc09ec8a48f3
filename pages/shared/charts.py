"""Charts that are hovered: curves, histograms, bars."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from zfnet.render import palette

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Seen on white and on black: at least three to one.
_PLAIN, _CHOSEN = "#5b7fc7", "#e4572e"
# So many bars have their names below them.
_NAMED = 24
_LINES = ("#7d8790", "#21918c", "#e4572e", "#5b7fc7")


def curve(values: np.ndarray, axes: tuple[str, str], alt: str) -> None:
    """Draw values against their number; ``axes`` are the names of the horizontal and the vertical one."""
    _show(_figure("Scatter", axes, y=values, mode="lines"), alt)


def histogram(bins: Sequence[tuple[float, float, int]], ends: tuple[float, float], colours: str, **words: Any) -> None:
    """Draw how often values occur, each bar in the colour that its values have in the map.

    Args:
        bins: (from, to, count).
        ends: the values of the lowest and the highest colour.
        colours: the colour map.
        **words: ``axes`` and ``alt``, as for ``curve``.
    """
    low, high = ends
    middles = np.array([(start + end) / 2 for start, end, _ in bins])
    levels = np.clip((middles - low) / ((high - low) or 1) * 255, 0, 255).astype(int)
    figure = _figure(
        "Bar",
        words["axes"],
        x=middles,
        y=[count for *_, count in bins],
        width=[end - start for start, end, _ in bins],
        marker_color=[f"rgb{tuple(rgb)}" for rgb in palette(colours)[levels].tolist()],
        marker_line={"width": 0.5, "color": "#888888"},
    )
    _show(figure, words["alt"], height=160)


def bars(
    values: Sequence[float],
    *,
    labels: Sequence[str],
    selected: int,
    axes: tuple[str, str],
    alt: str,
    key: str,
    on_click: Callable[[int], None],
    from_zero: bool = False,
) -> None:
    """Draw a bar for each value, which can be clicked; ``on_click`` is called with its number.

    Where all values are below zero, bars rise from the smallest, unless ``from_zero``.
    """

    def clicked() -> None:
        points = st.session_state[key].selection.points
        if points:
            on_click(int(points[0]["point_index"]))

    colours = [_CHOSEN if i == selected else _PLAIN for i in range(len(values))]
    # Logits are often all below zero: bars would hang, the longest for the weakest.
    base = min(values) if max(values) <= 0 and not from_zero else 0.0
    figure = _figure(
        "Bar",
        axes,
        x=list(range(len(values))),
        y=[value - base for value in values],
        base=base,
        marker_color=colours,
        customdata=labels,
        text=[f"{value:.4f}" for value in values],
    )
    figure.update_traces(hovertemplate="%{customdata}: %{text}<extra></extra>", textposition="none")
    figure.update_traces(marker_line_width=0)
    figure.update_layout(bargap=0.1, dragmode=False, clickmode="event+select")
    figure.update_traces(selected_marker_opacity=1, unselected_marker_opacity=1)
    named = len(labels) <= _NAMED
    figure.update_yaxes(exponentformat="none")
    figure.update_xaxes(showticklabels=named, tickvals=list(range(len(labels))) if named else None)
    figure.update_xaxes(ticktext=list(labels) if named else None, tickangle=-60)
    _show(figure, alt, height=340, key=key, on_select=clicked, selection_mode="points")


@dataclass(frozen=True, slots=True)
class Line:
    """A line (x, y) with its name, the points measured along it, and one of them to be marked."""

    name: str
    line: tuple[np.ndarray, np.ndarray]
    points: tuple[np.ndarray, np.ndarray]
    marked: tuple[float, float] | None


def lines(drawn: Sequence[Line], axes: tuple[str, str], alt: str, *, at: float) -> None:
    """Draw several lines with points, and a dotted upright one ``at`` where the marked points are."""
    figure = _figure("Scatter", axes, x=[], y=[], showlegend=False)
    figure.add_vline(x=at, line={"width": 1, "dash": "dot", "color": "#888888"})
    for line, colour in zip(drawn, _LINES, strict=False):
        look = {"legendgroup": line.name, "name": line.name, "hovertemplate": "%{x:.3f} → %{y:.3f}"}
        figure.add_scatter(x=line.line[0], y=line.line[1], mode="lines", line={"color": colour, "width": 1.5}, **look)
        x, y = line.points
        figure.add_scatter(x=x, y=y, mode="markers", marker={"color": colour, "size": 5}, showlegend=False, **look)
        if line.marked:
            marker = {"color": colour, "size": 15, "line": {"color": "#ffffff", "width": 2}}
            figure.add_scatter(
                x=line.marked[:1], y=line.marked[1:], mode="markers", marker=marker, showlegend=False, **look
            )
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    _show(figure, alt, height=300)


def series(x: np.ndarray, drawn: Mapping[str, np.ndarray], axes: tuple[str, str], alt: str) -> None:
    """Draw several named curves over the same ``x``."""
    figure = _figure("Scatter", axes, x=[], y=[], showlegend=False)
    for (name, values), colour in zip(drawn.items(), _LINES, strict=False):
        figure.add_scatter(x=x, y=values, mode="lines", name=name, line={"color": colour, "width": 2})
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    _show(figure, alt, height=260)


def _figure(kind: str, axes: tuple[str, str], **trace: Any) -> "go.Figure":
    # Imported only where something is drawn: it takes a while.
    import plotly.graph_objects as go

    figure = go.Figure(getattr(go, kind)(**trace))
    return figure.update_layout(xaxis_title=axes[0], yaxis_title=axes[1])


def _show(figure: "go.Figure", alt: str, *, height: int = 220, **options: Any) -> None:
    figure.update_layout(height=height, margin={"l": 0, "r": 0, "t": 8, "b": 0})
    st.plotly_chart(figure, alt=alt, config={"displayModeBar": False}, **options)
