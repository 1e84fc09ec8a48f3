"""The parts of the stride lab: the maps of one filter at several strides, and the curve of what samples show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from pages.shared import exhibition, recipes, results
from pages.shared.charts import Line, lines
from pages.shared.exhibits import Exhibit
from pages.shared.figures import Figure, figures
from pages.shared.results import cached
from pages.shared.selection import PERIODS
from pages.shared.state import select, selection, t
from pages.shared.widgets import first_filters
from zfnet import InferenceSession, drawing, render
from zfnet.aliasing import fold, grating, wave
from zfnet.geometry import shapes
from zfnet.plate import Scale
from zfnet.stride import STRIDES, Sampling, StrideLab

PRESETS = {"coarse": 16.0, "fine": 5.0, "finest": 3.0}
# So many pixels in the middle of the picture are shown, one to one: four pictures of them fit beside each other, and
# the outermost answers, which see padding, stay out. Three times as large, a third of them.
SIDE, ZOOM = 216, 3
_TILE = 35
_POINTS, _FINE = 25, 400


@dataclass(frozen=True, slots=True)
class Sampled:
    """A map as a picture of one pixel for a sample, how wide it stands on the page, and its numbers."""

    png: bytes
    width: int
    side: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture and the maps of one filter, on one scale up to ``end``; for a grating what became of it."""

    channel: int
    picture: bytes
    maps: tuple[Sampled, ...]
    end: float
    zoom: int = 1
    verdicts: tuple[str, ...] = ()


def strides() -> tuple[int, ...]:
    """Return the strides that are shown: those of the lesson, and the loaded network's own."""
    return tuple(sorted({*STRIDES, results.session().info.config.conv1.stride}))


@cached
def on_grating(
    session: InferenceSession, period: float, orientation: float, channel: int | None, *, zoom: int
) -> Shown:
    """Return what a filter, by default the strongest, answers to a grating."""
    drawn = grating(period, orientation)
    lab = session.stride_lab(drawn, channel, strides(), cancel=results.abandoned)
    return _shown(lab, drawn, zoom, lab.verdicts(period, orientation))


@cached
def on_view(session: InferenceSession, view: Image.Image, channel: int, *, zoom: int) -> Shown:
    """Return what a filter answers to the view."""
    return _shown(session.stride_lab(view, channel, strides(), cancel=results.abandoned), view, zoom)


@cached
def curve(session: InferenceSession, orientation: float) -> tuple[Line, ...]:
    """Return for each stride the frequency that maps show against the true one: by the formula, and measured."""
    low, high = 1 / PERIODS[1], 1 / PERIODS[0]
    periods = tuple((1 / np.linspace(low, high, _POINTS)).tolist())
    measured = session.fold_back(periods, orientation, strides(), cancel=results.abandoned)
    x = np.linspace(0, high, _FINE)
    ways = np.outer(wave(1, orientation), x)
    return tuple(
        Line(str(m.stride), (x, np.hypot(*fold(ways, m.stride))), (m.frequencies, m.shown), None) for m in measured
    )


def show_grating(shown: Shown, period: float) -> None:
    """Show the grating and its maps, with what became of it."""
    unit = f"conv1:{shown.channel}"
    row = [
        Figure(
            shown.picture,
            t("stride.grating_alt", period=period),
            t("stride.grating_caption", period=period),
            t("stride.grating_small", frequency=1 / period),
            SIDE,
        )
    ]
    for sampled, verdict in zip(shown.maps, shown.verdicts, strict=True):
        s = sampled.sampling
        said = t(f"stride.verdict_{verdict}", period=s.shown.period)
        numbers = {"side": sampled.side, "limit": s.limit}
        small = (
            t("stride.shows", frequency=s.shown.frequency, period=s.shown.period, **numbers)
            if verdict in ("kept", "false")
            else t("stride.samples", **numbers)
        )
        alt = t("stride.map_alt", unit=unit, stride=s.stride, verdict=said)
        row.append(
            Figure(sampled.png, alt, t("stride.map_caption", stride=s.stride, verdict=said), small, sampled.width)
        )
    figures(row, "start")
    _take(shown, row[1:], "grating", (period, selection().orientation))


def show_view(shown: Shown) -> None:
    """Show the view and its maps, with how much of them a stride folds onto wrong frequencies."""
    row = [
        Figure(
            shown.picture,
            t("stride.picture_alt"),
            t("stride.picture_caption"),
            t("stride.picture_small"),
            SIDE,
        )
    ]
    for sampled in shown.maps:
        s = sampled.sampling
        alt = t("stride.folded_alt", unit=f"conv1:{shown.channel}", stride=s.stride)
        if s.stride == 1:
            words = t("stride.folded_none"), t("stride.folded_first", side=sampled.side)
        else:
            caption = t("stride.folded_caption", stride=s.stride, share=s.folded)
            words = caption, t("stride.folded_small", side=sampled.side, limit=s.limit)
        row.append(Figure(sampled.png, alt, *words, sampled.width))
    figures(row, "start")
    _take(shown, row[1:], "picture")
    st.caption(t("stride.picture_scale", end=shown.end))


def _take(shown: Shown, row: Sequence[Figure], name: str, grating: tuple[float, float] | None = None) -> None:
    """Let the maps of a row be taken home."""
    scale = Scale("diverging", -shown.end, shown.end, t("feature_maps.value"))
    source = exhibition.source()
    exhibition.under(
        *(
            Exhibit(
                *("stride", f"{name}-stride-{of.sampling.stride}", figure.png, figure.alt, figure.caption),
                recipes.stride(source, shown.channel, of.sampling.stride, grating=grating, zoom=shown.zoom),
                scale,
            )
            for of, figure in zip(shown.maps, row, strict=True)
        )
    )


def show_curve(shown: Shown, period: float, orientation: float) -> None:
    """Draw what samples show at all frequencies, and mark the grating."""
    drawn = []
    for line, sampled, verdict in zip(curve(results.session(), orientation), shown.maps, shown.verdicts, strict=True):
        frequency = sampled.sampling.shown.frequency
        marked = (1 / period, frequency) if verdict in ("kept", "false") else None
        drawn.append(Line(t("stride.line", stride=line.name), line.line, line.points, marked))
    lines(drawn, (t("stride.axis_true"), t("stride.axis_shown")), t("stride.curve_alt"), at=1 / period)
    st.caption(t("stride.curve_caption"))


def show_filters(channel: int, kept: bool) -> None:
    """Show the filters of conv1, to be clicked, and how to give the choice back to the grating."""
    count = shapes(results.session().info.config)["conv1"][0]
    first_filters(channel, key="stride_filters", tile=_TILE, alt=t("stride.filters_alt", count=count))
    st.caption(t("stride.filters_kept" if kept else "stride.filters_strongest", unit=f"conv1:{channel}"))
    if kept:
        st.button(t("stride.back"), on_click=select, kwargs={"channel": None}, icon=":material/undo:")


def chosen_filter() -> int | None:
    """Return the selected channel of conv1, None where another layer or none is selected."""
    return selection().channel if selection().layer == "conv1" else None


def _shown(lab: StrideLab, picture: Image.Image, zoom: int, verdicts: tuple[str, ...] = ()) -> Shown:
    end = max(float(np.abs(s.values).max()) for s in lab.samplings)
    return Shown(
        channel=lab.channel,
        picture=render.encode_png(drawing.middle(np.asarray(picture), SIDE // zoom)),
        maps=tuple(_sampled(s, end, zoom) for s in lab.samplings),
        end=end,
        zoom=zoom,
        verdicts=verdicts,
    )


def _sampled(sampling: Sampling, end: float, zoom: int) -> Sampled:
    fractions = render.normalise(drawing.middle(sampling.values, SIDE // zoom, sampling.stride), -end, end)
    png = render.encode_png(render.levels(fractions), "diverging")
    return Sampled(png, len(fractions) * sampling.stride * zoom, len(sampling.values), sampling)
