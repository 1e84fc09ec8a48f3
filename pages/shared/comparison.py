"""Two pictures under one selection and one scale: a unit's maps, its projections, a class's evidence, a layer."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pages.shared import projections
from pages.shared.evidence import Asked, Paint, evidence, overlay
from pages.shared.results import abandoned, cached, large, ranking
from zfnet import InferenceSession, Unit, render
from zfnet.geometry import receptive_field
from zfnet.similarity import rank_correlation

Views = tuple[Image.Image, Image.Image]
# Of a layer, so many channels that answer most strongly to either picture.
_STRONGEST = 8
_WIDE = 672


@dataclass(frozen=True, slots=True)
class Side:
    """One of two pictures with what was found in it, nothing where the unit is silent; the values behind it, and the
    largest one. ``cells`` shows a map alone, in its own cells."""

    png: bytes
    values: np.ndarray
    peak: float
    cells: bytes = b""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures in which a colour means the same; full colour is at ``end``."""

    sides: tuple[Side, Side]
    end: float


@cached
def maps(session: InferenceSession, views: Views, unit: Unit, colormap: str) -> Pair:
    """Lay a unit's map on each picture, and show it alone."""
    values = [session.feature_maps(view, unit.layer, cancel=abandoned).values[unit.channel] for view in views]
    end = max(float(own.max()) for own in values)
    field = receptive_field(session.info.config, unit.layer)

    def side(view: Image.Image, own: np.ndarray) -> Side:
        laid = render.overlay(np.asarray(view), render.normalise(render.place(own, field), 0, end), colormap)
        return Side(large(laid), own, float(own.max()), large(render.heat(own, colormap, (0, end))))

    return Pair((side(views[0], values[0]), side(views[1], values[1])), end)


@cached
def projected(session: InferenceSession, views: Views, unit: Unit) -> Pair:
    """Project a unit's strongest cell in each picture, beside what the cell saw."""
    found = [projections.projected(session, view, Unit(unit.layer, unit.channel), whole_map=False) for view in views]
    end = max(render.projection(one.pixels, (0, 0, 0, 0))[1] for one in found)
    first, second = (
        large(np.hstack([projections.cut(np.asarray(view), one.box), render.signed_pixels(one.pixels, end)]), _WIDE)
        if one.activation > 0
        else b""
        for view, one in zip(views, found, strict=True)
    )
    sides = Side(first, found[0].pixels, found[0].activation), Side(second, found[1].pixels, found[1].activation)
    return Pair(sides, end)


def classes(session: InferenceSession, views: Views, class_index: int, *, asked: Asked, paint: Paint) -> Pair:
    """Lay the evidence for a class on each picture."""
    found = [evidence(session, view, class_index, asked) for view in views]
    end = max(one.high for one in found)
    first, second = (
        Side(overlay(session, view, one, asked.layer, paint=paint, end=end), one.values, one.high)
        for view, one in zip(views, found, strict=True)
    )
    return Pair((first, second), end)


@dataclass(frozen=True, slots=True)
class Layers:
    """The channels that answer most strongly to either picture, each picture's maps of them, and how alike they are.

    ``both`` counts the channels that answer to both pictures. ``correlation`` is that of the ranks of all channels'
    maxima, None where one layer is silent.
    """

    channels: tuple[int, ...]
    sheets: tuple[bytes, bytes]
    peaks: tuple[tuple[float, ...], tuple[float, ...]]
    end: float
    both: int
    correlation: float | None


@cached
def layers(session: InferenceSession, views: Views, layer: str, *, columns: int, colormap: str) -> Layers:
    """Lay the maps of the same channels in a sheet for each picture."""
    ranked = [ranking(session, view, layer) for view in views]
    taken_in_turn = zip(*(one.channels[:_STRONGEST] for one in ranked), strict=True)
    either = tuple(dict.fromkeys(channel for pair in taken_in_turn for channel in pair))
    # Whole rows only: what is missing of a row would be drawn in full colour.
    channels = either[: len(either) // columns * columns]
    values = [session.feature_maps(view, layer, cancel=abandoned).values for view in views]
    end = max(float(own.max()) for own in values)
    levels = (render.map_levels(own[list(channels)], end) for own in values)
    first, second = (render.encode_png(render.mosaic(list(tiles), columns, gap=0), colormap) for tiles in levels)
    peaks = [np.array(r.peaks, np.float32) for r in ranked]
    return Layers(
        channels,
        (first, second),
        (ranked[0].peaks, ranked[1].peaks),
        end,
        int(((peaks[0] > 0) & (peaks[1] > 0)).sum()),
        rank_correlation(*peaks),
    )
