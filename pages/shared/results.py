"""The loaded session and the results of its methods, cached as encoded pictures.

A result is kept for everybody under the checkpoint's id, the digest of the view's pixels and the settings. Every
function computes for
the view it is given, which the caller must hold: a digest alone gets nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import streamlit as st
from PIL import Image, ImageOps
from streamlit.runtime.scriptrunner_utils.script_run_context import get_run_yield_check

from zfnet import InferenceSession, Unit, render
from zfnet.classification import Classification
from zfnet.gallery import Premade, read_gallery
from zfnet.geometry import LayerRow, receptive_field
from zfnet.images import digest

TILE = 112
THUMBNAIL = 96
SIDE = 448

_cached = st.cache_data(
    max_entries=4000,
    max_size=256 * 2**20,
    show_spinner=False,
    hash_funcs={InferenceSession: lambda session: session.info.checkpoint_id, Image.Image: digest},
)


@st.cache_resource(show_spinner=False)
def session() -> InferenceSession:
    """Load the checkpoint, once for the whole server."""
    return InferenceSession.load()


def abandoned() -> bool:
    """Leave the computation by Streamlit's own exception when the page was left or changed meanwhile; else return
    False."""
    check = get_run_yield_check()
    if check:
        check()
    return False


@dataclass(frozen=True, slots=True)
class Look:
    """How maps are coloured: after or before ReLU, on a scale of their own or of their layer, in which colours."""

    rectified: bool = True
    scale: str = "map"
    colormap: str = "viridis"

    def limits(self, own: np.ndarray, layer: np.ndarray) -> tuple[float, float]:
        """Return the values at both ends of the colours: from zero after ReLU, symmetric about zero before."""
        values = own if self.scale == "map" else layer
        peak = float(values.max() if self.rectified else np.abs(values).max())
        return (0.0 if self.rectified else -peak, peak)

    def colour(self, values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
        """Colour a map (H, W), uint8 (H, W, 3)."""
        return render.heat(values, self.colormap, limits) if self.rectified else render.signed_heat(values, limits[1])


@dataclass(frozen=True, slots=True)
class Ranking:
    """The channels of a layer by falling maximum, and each channel's maximum on this picture."""

    channels: tuple[int, ...]
    peaks: tuple[float, ...]

    @property
    def silent(self) -> int:
        """Return how many channels do not respond at all."""
        return sum(peak <= 0 for peak in self.peaks)


@dataclass(frozen=True, slots=True)
class MapPictures:
    """One map alone and on the picture, with the values at both ends of the colours."""

    map: bytes
    overlay: bytes
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ProjectionPictures:
    """One projection: where it looked, the input patch and the projected patch at one scale.

    ``tile`` is the projected patch made square by what lies beside it. Colours are full at ± ``limit``.
    """

    position: tuple[int, int] | None
    activation: float
    box: tuple[int, int, int, int]
    boxed: bytes
    tile: bytes
    input_patch: bytes
    patch: bytes
    limit: float


@dataclass(frozen=True, slots=True)
class FieldPicture:
    """One cell's receptive field on the picture, with its first and last row and column, which may lie outside.

    ``position`` and ``spans`` are None for a unit that is silent on this picture.
    """

    position: tuple[int, int] | None
    spans: tuple[tuple[int, int], tuple[int, int]] | None
    boxed: bytes


@_cached
def classification(session: InferenceSession, view: Image.Image, head: str) -> Classification:
    """Return the top five of a head."""
    return session.classify(view, top=5, head=head, cancel=abandoned)


@_cached
def ranking(session: InferenceSession, view: Image.Image, layer: str) -> Ranking:
    """Rank the channels of a layer by their strongest response to the view."""
    maps = session.feature_maps(view, layer, cancel=abandoned)
    return Ranking(tuple(map(int, maps.ranked())), tuple(map(float, maps.values.max((1, 2)))))


@_cached
def mosaic(
    session: InferenceSession,
    view: Image.Image,
    *,
    layer: str,
    channels: tuple[int, ...],
    columns: int,
    look: Look,
) -> bytes:
    """Lay the maps of several channels in one picture."""
    values = session.feature_maps(view, layer, rectified=look.rectified, cancel=abandoned).values
    tiles = []
    for channel in channels:
        limits = look.limits(values[channel], values)
        tiles.append(render.enlarge(look.colour(values[channel], limits), TILE))
    return render.encode_png(render.mosaic(tiles, columns))


@_cached
def feature_map(session: InferenceSession, view: Image.Image, unit: Unit, look: Look) -> MapPictures:
    """Show one channel's map, alone and on the view."""
    values = session.feature_maps(view, unit.layer, rectified=look.rectified, cancel=abandoned).values
    own = values[unit.channel]
    limits = look.limits(own, values)
    placed = render.place(own, receptive_field(session.info.config, unit.layer))
    return MapPictures(
        map=_large(look.colour(own, limits)),
        overlay=_large(render.overlay(np.asarray(view), render.normalise(placed, 0, limits[1]), look.colormap)),
        low=float(own.min()),
        high=float(own.max()),
    )


@_cached
def projection(session: InferenceSession, view: Image.Image, unit: Unit) -> ProjectionPictures:
    """Project one unit and cut out what it looked at."""
    (found,) = session.deconvnet(view, [unit], cancel=abandoned)
    pixels = np.asarray(view)
    shown, limit = render.projection(found.pixels, found.box)
    top, left, bottom, right = found.box if found.position else (0, 0, *pixels.shape[:2])
    return ProjectionPictures(
        position=found.position,
        activation=found.activation,
        box=found.box,
        boxed=_large(render.draw_box(pixels, found.box) if found.position else pixels),
        tile=_large(_square(shown, found.box)),
        input_patch=_large(pixels[top:bottom, left:right]),
        patch=_large(shown[top:bottom, left:right]),
        limit=limit,
    )


@_cached
def class_map(
    session: InferenceSession,
    view: Image.Image,
    class_index: int,
    *,
    head: str,
    colormap: str,
    opacity: float,
) -> MapPictures:
    """Show the Grad-CAM of one class at conv5, alone and on the view; where it is zero, alone before its ReLU."""
    (found,) = session.class_activation(view, [class_index], head=head, rectified=False, cancel=abandoned)
    low, high = float(found.values.min()), float(found.values.max())
    evidence = np.maximum(found.values, 0)
    placed = render.place(evidence, receptive_field(session.info.config, found.layer))
    return MapPictures(
        map=_large(render.heat(evidence, colormap) if high > 0 else render.signed_heat(found.values)),
        overlay=_large(render.overlay(np.asarray(view), render.normalise(placed, 0, high), colormap, opacity)),
        low=low,
        high=max(high, 0.0),
    )


@_cached
def strip(ids: tuple[str, ...], columns: int, _pictures: Sequence[Image.Image]) -> bytes:
    """Lay small versions of pictures, known by their ids, in one picture."""
    tiles = [np.asarray(ImageOps.fit(picture, (THUMBNAIL, THUMBNAIL))) for picture in _pictures]
    return render.encode_png(render.mosaic(tiles, columns, gap=4, background=244))


@_cached
def field(session: InferenceSession, view: Image.Image, unit: Unit) -> FieldPicture:
    """Show what one cell of a unit sees: the unit's own position, else where it responds most strongly."""
    placed = unit.at_strongest(session.feature_maps(view, unit.layer, cancel=abandoned).values[unit.channel])
    pixels = np.asarray(view)
    if placed.position is None:
        return FieldPicture(None, None, _large(pixels))
    seen, (row, column) = receptive_field(session.info.config, unit.layer), placed.position
    boxed = render.draw_box(pixels, seen.box(row, column, session.info.config.input_size))
    return FieldPicture(placed.position, (seen.span(row), seen.span(column)), _large(boxed))


@_cached
def filters(session: InferenceSession, layer: str, columns: int) -> bytes:
    """Lay the filters of the first convolution in one picture."""
    tiles = [render.enlarge(tile, TILE) for tile in render.filter_tiles(session.filters(layer))]
    return render.encode_png(render.mosaic(tiles, columns, gap=4))


@_cached
def diagram(
    session: InferenceSession, layer: str, size: tuple[int, int], rows: tuple[LayerRow, ...] | None = None
) -> bytes:
    """Draw a network, by default the loaded one, to scale in a picture of (width, height), with one layer marked."""
    return render.encode_png(render.diagram(rows or session.architecture(), layer, size))


@_cached
def colour_bar(colormap: str) -> bytes:
    """Draw a colour map from its lowest colour at the left to its highest."""
    return render.encode_png(render.colour(np.linspace(0, 1, 1024, dtype=np.float32)[None].repeat(16, 0), colormap))


def premade(session: InferenceSession, unit: Unit) -> Premade | None:
    """Return the maximization of a unit that came with the project, None if there is none for this checkpoint."""
    return _gallery(session.info.checkpoint_id).get(f"{unit.layer}:{unit.channel}")


_gallery = cache(read_gallery)


def _square(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Cut out the smallest square within the picture that holds a box; the whole picture for an empty box."""
    top, left, bottom, right = box
    side = max(bottom - top, right - left) or len(pixels)
    top, left = min(top, len(pixels) - side), min(left, len(pixels) - side)
    return pixels[top : top + side, left : left + side]


def _large(pixels: np.ndarray) -> bytes:
    return render.encode_png(render.enlarge(pixels, SIDE))
