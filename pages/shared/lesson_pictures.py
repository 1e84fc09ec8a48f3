"""The pictures that a step of a lesson shows, by the names that lessons use."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.shared import evidence, projections, results, stride_parts
from pages.shared.figures import Figure, figures
from pages.shared.results import Look
from pages.shared.state import selection, t, view
from pages.shared.widgets import class_index, class_name, unit
from zfnet.geometry import SPATIAL, shapes

_SMALL, _LARGE = 240, 480
# Three pixels of the page for each one of a filter, which a telephone has room for.
_WIDE = 336


def pictures(names: Sequence[str]) -> None:
    """Show pictures side by side, where they have room."""
    with st.container(horizontal=True, gap="medium"):
        for name in names:
            SHOWN[name]()


def _show(png: bytes, alt: str, caption: str, width: int = _SMALL) -> None:
    st.image(png, caption=caption, alt=alt, width=width, output_format="PNG")


def _filters() -> None:
    count = shapes(results.session().info.config)["conv1"][0]
    drawn = results.filters(results.session(), "conv1", 16)
    figures([Figure(drawn, t("stride.filters_alt", count=count), t("lesson.filters", count=count), side=_WIDE)])


def _network() -> None:
    drawn = results.diagram(results.session(), unit().layer, (960, 480))
    _show(drawn, t("overview.architecture_alt"), t("overview.architecture_caption"), _LARGE)


def _map() -> None:
    chosen = unit()
    if chosen.layer in SPATIAL:
        shown = results.feature_map(results.session(), view(), chosen, Look(colormap=selection().colormap))
        caption = t("overview.maps_caption", unit=chosen, high=shown.high)
        _show(shown.overlay, t("overview.maps_alt", unit=chosen), caption)


def _unit() -> None:
    chosen = unit()
    made = results.premade(results.session(), chosen)
    if made:
        alt, caption = t("overview.maximization_alt", unit=chosen), t("overview.maximization_caption", unit=chosen)
        _show(results.large(results.opened(made)), alt, caption)


def _nine() -> None:
    layer = unit().layer
    if layer in SPATIAL:
        sheet = projections.nine_strongest(results.session(), view(), layer).sheet
        _show(sheet, t("lesson.nine_alt", layer=layer), t("lesson.nine", layer=layer), _LARGE)


def _projection() -> None:
    chosen = unit()
    if chosen.layer in SPATIAL:
        drawn = projections.tile(results.session(), view(), chosen)
        alt, caption = t("overview.deconvnet_alt", unit=chosen), t("overview.deconvnet_caption", unit=chosen)
        _show(drawn, alt, caption)


def _evidence() -> None:
    asked, name = evidence.Asked(head=selection().head), class_name(class_index())
    found = evidence.evidence(results.session(), view(), class_index(), asked)
    paint = evidence.Paint(selection().colormap)
    laid = evidence.overlay(results.session(), view(), found, asked.layer, paint=paint, end=found.high)
    caption = t("overview.gradcam_caption" if found.high > 0 else "overview.gradcam_flat", name=name)
    _show(laid, t("overview.gradcam_alt", name=name), caption)


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
    "network": _network,
    "map": _map,
    "unit": _unit,
    "nine": _nine,
    "projection": _projection,
    "evidence": _evidence,
    "grating": _grating,
    "sampled": _sampled,
}
