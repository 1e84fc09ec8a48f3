"""The pictures that a step of a lesson shows, by the names that lessons use."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared import exhibition, lenses, recipes, results, stride_parts
from pages.shared.exhibits import Exhibit
from pages.shared.figures import Figure, figures
from pages.shared.state import selection, t, view
from zfnet.geometry import shapes

_SMALL, _LARGE = 240, 480
# Three pixels of the page for each one of a filter, which a telephone has room for.
_WIDE = 336


def pictures(names: Sequence[str]) -> None:
    """Show pictures side by side, where they have room."""
    with st.container(horizontal=True, gap="medium"):
        for name in names:
            SHOWN[name]()


def _show(exhibit: Exhibit | None, width: int = _SMALL) -> None:
    if exhibit:
        with st.container(width=width):
            exhibition.show(exhibit)


def _filters() -> None:
    count = shapes(results.session().info.config)["conv1"][0]
    drawn = results.filters(results.session(), "conv1", 16)
    words = t("stride.filters_alt", count=count), t("lesson.filters", count=count)
    figures([Figure(drawn, *words, side=_WIDE)])
    exhibition.under(Exhibit("filters", "filters", drawn, *words, recipes.filters(exhibition.source())))


def _projection() -> None:
    seen = lenses.projection()
    _show(seen[1] if seen else None)


def _grating() -> None:
    period, orientation = selection().period, selection().orientation
    shown = stride_parts.on_grating(results.session(), period, orientation, stride_parts.chosen_filter(), zoom=1)
    stride_parts.show_grating(shown, period)


def _sampled() -> None:
    channel = results.ranking(results.session(), view(), "conv1").channels[0]
    chosen = stride_parts.chosen_filter()
    shown = stride_parts.on_view(results.session(), view(), channel if chosen is None else chosen, zoom=1)
    stride_parts.show_view(shown)


SHOWN: dict[str, Callable[[], None]] = {
    "filters": _filters,
    "network": lambda: _show(lenses.diagram((960, 480)), _LARGE),
    "map": lambda: _show(lenses.feature_map()),
    "unit": lambda: _show(lenses.maximization()),
    "nine": lambda: _show(lenses.nine(), _LARGE),
    "projection": _projection,
    "evidence": lambda: _show(lenses.evidence()),
    "grating": _grating,
    "sampled": _sampled,
}
