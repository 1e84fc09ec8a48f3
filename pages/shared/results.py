"""The loaded session and the results of its methods, cached as encoded pictures.

A result is kept for everybody under the checkpoint's id, the digest of the view's pixels and the settings. Every
function computes for the view it is given, which the caller must hold: a digest alone gets nothing.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from weakref import ref

import numpy as np
import streamlit as st
from PIL import Image, ImageOps
from streamlit.runtime.scriptrunner_utils.script_run_context import get_run_yield_check

from pages.shared.pictures import embedded, sample_picture
from zfnet import InferenceSession, Unit, crop, film, render
from zfnet.audit import LayerAudit
from zfnet.classification import Classification
from zfnet.feature_maps import LayerStatistics
from zfnet.gallery import Premade, read_galleries
from zfnet.geometry import LayerRow, receptive_field, shapes
from zfnet.images import digest

THUMBNAIL = 96
SIDE = 448
# Tiles of a mosaic are at least this wide on the page; a map of 14 cells becomes 56 pixels.
TILE = 48
_BINS = 32
# Digits after the point wherever a value of a map is told, so that what is told in two places is the same.
DIGITS = 4

_digests: dict[int, tuple[ref[Image.Image], str]] = {}


def _digest(picture: Image.Image) -> str:
    """Return a picture's digest. A view is asked for some fifty times while a page runs, and nobody changes it."""
    known = _digests.get(id(picture))
    if known is None or known[0]() is not picture:
        forget = partial(_digests.pop, id(picture), None)
        known = _digests[id(picture)] = (ref(picture, lambda _: forget()), digest(picture))
    return known[1]


# How many bytes all of these functions keep together is said in .streamlit/config.toml.
cached = st.cache_data(
    max_entries=4000,
    show_spinner=False,
    hash_funcs={InferenceSession: lambda session: session.info.checkpoint_id, Image.Image: _digest},
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


def rounded(value: float) -> str:
    """Return a value to two digits after the point, for sentences."""
    return f"{round(float(value), 2) + 0.0:.2f}".replace("-", "−")


def number(value: float) -> str:
    """Return a value of a map as it is told everywhere."""
    return f"{value:.{DIGITS}f}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Look:
    """How maps are coloured: after or before ReLU, on a scale of ``SCALES``, in which colours."""

    rectified: bool = True
    scale: str = "map"
    colormap: str = "viridis"

    @property
    def colours(self) -> str:
        """Return the colour map: values before ReLU have a sign."""
        return self.colormap if self.rectified else "diverging"

    def ends(self, maps: np.ndarray, fixed: Callable[[], float]) -> np.ndarray:
        """Return the value of full colour for every map of a layer (C, H, W), shaped (C, 1, 1)."""
        own = (maps if self.rectified else np.abs(maps)).max((1, 2), keepdims=True)
        return own if self.scale == "map" else np.full_like(own, fixed() if self.scale == "fixed" else own.max())

    def levels(self, maps: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Return the colours of maps by number, uint8: from zero after ReLU, symmetric about zero before."""
        return render.map_levels(maps, ends, signed=not self.rectified)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The channels of a layer in an order, and each channel's maximum, mean and sparsity on this picture."""

    channels: tuple[int, ...]
    peaks: tuple[float, ...]
    means: tuple[float, ...]
    sparsities: tuple[float, ...]
    silent: frozenset[int]


@dataclass(frozen=True, slots=True)
class MapPictures:
    """One map alone and on the picture: its values, where colours end, and how often values occur.

    ``histogram`` has (from, to, count) for values above zero, or for all of them before ReLU.
    """

    map: bytes
    overlay: bytes
    values: np.ndarray
    end: float
    histogram: tuple[tuple[float, float, int], ...]

    @property
    def low(self) -> float:
        """Return the smallest value."""
        return float(self.values.min())

    @property
    def high(self) -> float:
        """Return the largest value."""
        return float(self.values.max())


@dataclass(frozen=True, slots=True)
class Field:
    """Where a unit looks: the cell, and the first and last row and column that it sees, which may lie outside.

    Both are None for a unit that is silent on this picture.
    """

    position: tuple[int, int] | None
    spans: tuple[tuple[int, int], tuple[int, int]] | None


@cached
def classification(session: InferenceSession, view: Image.Image, head: str) -> Classification:
    """Return the top five of a head."""
    return session.classify(view, top=5, head=head, cancel=abandoned)


@cached
def ranking(session: InferenceSession, view: Image.Image, layer: str, order: str = "maximum") -> Ranking:
    """Rank the channels of a layer by their response to the view."""
    maps = session.feature_maps(view, layer, cancel=abandoned)
    return Ranking(
        channels=tuple(maps.ranked(order).tolist()),
        peaks=tuple(maps.maximum.tolist()),
        means=tuple(maps.mean.tolist()),
        sparsities=tuple(maps.sparsity.tolist()),
        silent=frozenset(np.flatnonzero(maps.silent).tolist()),
    )


@cached
def statistics(session: InferenceSession, view: Image.Image) -> tuple[LayerStatistics, ...]:
    """Return how each layer answers the view as a whole."""
    return session.layer_statistics(view, cancel=abandoned)


@cached
def fixed_limit(session: InferenceSession, layer: str) -> float:
    """Return where the fixed scale of a layer ends: the same for every picture and in every school."""
    return session.fixed_limit([crop(sample_picture(name)) for name in embedded()], layer, cancel=abandoned)


@cached
def audit(session: InferenceSession, own: tuple[Image.Image, ...]) -> tuple[LayerAudit, ...]:
    """Return which filters are bad, over the project's samples and a visitor's own views."""
    shown = (crop(sample_picture(name)) for name in embedded())
    return session.audit(chain(shown, own), cancel=abandoned)


@cached
def mosaic(
    session: InferenceSession,
    view: Image.Image,
    *,
    layer: str,
    channels: tuple[int, ...],
    columns: int,
    look: Look,
) -> bytes:
    """Lay the maps of several channels in one sheet, in their own size and without gaps."""
    maps = session.feature_maps(view, layer, rectified=look.rectified, cancel=abandoned).values
    levels = look.levels(maps, look.ends(maps, lambda: fixed_limit(session, layer)))
    return render.encode_png(render.mosaic(list(levels[list(channels)]), columns, gap=0), look.colours)


@cached
def heights(session: InferenceSession, view: Image.Image, layer: str, *, rectified: bool) -> tuple[float, ...]:
    """Return the values of a fully connected layer."""
    values = session.feature_maps(view, layer, rectified=rectified, cancel=abandoned).values
    return tuple(values.ravel().tolist())


def tile(session: InferenceSession, layer: str) -> int:
    """Return the side of a layer's tiles on the page: a multiple of the map's own, or half of it, but not too small."""
    side = shapes(session.info.config)[layer][1]
    return side // 2 if side >= 2 * TILE else side * -(-TILE // side)


@cached
def feature_map(session: InferenceSession, view: Image.Image, unit: Unit, look: Look) -> MapPictures:
    """Show one channel's map, alone and on the view."""
    maps = session.feature_maps(view, unit.layer, rectified=look.rectified, cancel=abandoned).values
    own = maps[unit.channel]
    ends = look.ends(maps, lambda: fixed_limit(session, unit.layer))
    end = float(ends[unit.channel, 0, 0])
    placed = render.place(own, receptive_field(session.info.config, unit.layer))
    counted = own[own > 0] if look.rectified else own.ravel()
    counts, edges = np.histogram(counted, _BINS) if counted.size else (np.zeros(0, int), np.zeros(1))
    return MapPictures(
        map=render.encode_png(look.levels(own, ends[unit.channel]), look.colours),
        overlay=large(render.overlay(np.asarray(view), render.normalise(placed, 0, end), look.colormap)),
        values=own,
        end=end,
        histogram=tuple(zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)),
    )


@cached
def strip(ids: tuple[str, ...], columns: int, _pictures: Iterable[Image.Image]) -> bytes:
    """Lay small versions of pictures, known by their ids, on one WebP: it goes to the browser with every run."""
    tiles = [np.asarray(ImageOps.fit(picture, (THUMBNAIL, THUMBNAIL))) for picture in _pictures]
    return film.sheet(tiles, columns)


@cached
def field(session: InferenceSession, view: Image.Image, unit: Unit) -> Field:
    """Return what one cell of a unit sees: the unit's own position, else where it responds most strongly."""
    placed = unit.at_strongest(session.feature_maps(view, unit.layer, cancel=abandoned).values[unit.channel])
    if placed.position is None:
        return Field(None, None)
    seen, (row, column) = receptive_field(session.info.config, unit.layer), placed.position
    return Field(placed.position, (seen.span(row), seen.span(column)))


@cached
def framed(session: InferenceSession, view: Image.Image, unit: Unit) -> bytes:
    """Frame on the view what a unit's cell sees."""
    config = session.info.config
    box = receptive_field(config, unit.layer).box(*(unit.position or (0, 0)), config.input_size)
    return render.encode_png(render.draw_box(np.asarray(view), box))


@cached
def plain(view: Image.Image) -> bytes:
    """Return the view itself."""
    return render.encode_png(np.asarray(view))


@cached
def filters(session: InferenceSession, layer: str, columns: int, channels: tuple[int, ...] | None = None) -> bytes:
    """Lay filters of the first convolution, by default all, in one sheet, in their own size and without gaps."""
    weights = session.filters(layer)
    tiles = render.filter_tiles(weights if channels is None else weights[list(channels)])
    return render.encode_png(render.mosaic(tiles, columns, gap=0))


@cached
def diagram(
    session: InferenceSession, layer: str, size: tuple[int, int], rows: tuple[LayerRow, ...] | None = None
) -> bytes:
    """Draw a network, by default the loaded one, to scale in a picture of (width, height), with one layer marked."""
    return render.encode_png(render.diagram(rows or session.architecture(), layer, size))


@cached
def dimmed(png: bytes) -> bytes:
    """Return a drawing on white as one on black."""
    with Image.open(io.BytesIO(png)) as drawn:
        return render.encode_png(render.on_dark(np.asarray(drawn.convert("RGB"))))


@cached
def colour_bar(colormap: str) -> bytes:
    """Draw a colour map from its lowest colour at the left to its highest."""
    return render.encode_png(render.colour(np.linspace(0, 1, 1024, dtype=np.float32)[None].repeat(16, 0), colormap))


def premade(session: InferenceSession, unit: Unit) -> Premade | None:
    """Return what was made beforehand for a unit or class, whatever its position; None if there is nothing."""
    return _gallery(session.info.checkpoint_id).get(f"{unit.layer}:{unit.channel}")


def gallery(session: InferenceSession, layer: str) -> list[Premade]:
    """Return the maximizations of a layer that came with the project, in their order."""
    return [made for made in _gallery(session.info.checkpoint_id).values() if made.unit.layer == layer]


_gallery = cache(read_galleries)


def large(pixels: np.ndarray, side: int = SIDE) -> bytes:
    """Return a picture enlarged by repeating pixels, as PNG."""
    return render.encode_png(render.enlarge(pixels, side))
