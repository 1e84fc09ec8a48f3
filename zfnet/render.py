"""Arrays to pictures: scale, colour, place, overlay, mosaic, boxes. Only numpy and Pillow.

Unsigned values are coloured by a perceptually uniform map, signed ones by a diverging map with a neutral zero or, for
reconstructions, by grey = zero with one scale for the three colours. Enlargements repeat pixels; nothing is smoothed
that does not say so.
"""

import io
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw

from zfnet.errors import SelectionError
from zfnet.geometry import LayerRow
from zfnet.lettering import font

# Anchors, dark to light and evenly spaced, of viridis and inferno by Smith, van der Walt and Firing (CC0), of a plain
# grey scale, of a blue-white-red scale with equal lightness on both sides of its neutral middle, and of a
# brown-white-green one for weights, so that nobody takes them for activations.
COLORMAPS: dict[str, tuple[str, ...]] = {
    "viridis": ("440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"),
    "inferno": ("000004", "1f0c48", "550f6d", "88226a", "ba3655", "e35933", "f98e09", "f9cb35", "fcffa4"),
    "grey": ("000000", "ffffff"),
    "diverging": ("1f3f8f", "4f7cc4", "9dbfe6", "f7f7f7", "efac96", "c9594a", "831c2b"),
    "weights": ("543005", "9a6a1f", "dfc27d", "f7f7f7", "80cdc1", "248b83", "003c30"),
}
UNSIGNED = ("viridis", "inferno", "grey")
# For classes, by frequency: the colours of Okabe and Ito, which the colour-blind tell apart, without their black; the
# last one is for all further classes.
CATEGORIES = ("e69f00", "56b4e9", "009e73", "f0e442", "0072b2", "d55e00", "cc79a7", "999999")
_UNKNOWN = 225
_BOX_COLOURS = ((255, 255, 255), (214, 39, 40))
_BLOCKS = {"convolution": "#3b528b", "pooling": "#9fb3d1", "fully connected": "#21918c"}
_MARKED = "#e4572e"
_MARGIN = 3
_CHOSEN, _ARRIVING = "#3b8fd9", "#ff8c1a"
_NAMED_WIDTH = 800
# What fills the diagram: the largest map of these networks, and the sum of log2(channels) of the widest of them. One
# scale for all, so that two networks can be compared.
_TALLEST, _WIDEST = 112, 100.2
_FULL_COLOUR = 0.995


class Centred(Protocol):
    """What has cells in a row on the picture: a layer by its receptive fields, a square that visits places."""

    def centre(self, cell: int) -> float:
        """Return the pixel index at the middle of a cell, along one axis."""


def normalise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scale values to [0, 1] with clipping, float32; a range without extent gives zeros."""
    if not high > low:
        return np.zeros(values.shape, np.float32)
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def colour(fractions: np.ndarray, colormap: str = "viridis") -> np.ndarray:
    """Colour numbers in [0, 1], any shape, as uint8 (*shape, 3).

    Raises:
        SelectionError: for an unknown colour map.
    """
    return np.asarray(palette(colormap)[levels(fractions)])


def levels(fractions: np.ndarray) -> np.ndarray:
    """Turn numbers in [0, 1], any shape, into numbers of colours, uint8."""
    return (fractions * 255).round().astype(np.uint8)


@cache
def palette(colormap: str) -> np.ndarray:
    """Return the 256 colours of a colour map from lowest to highest, uint8 (256, 3).

    Raises:
        SelectionError: for an unknown colour map.
    """
    if colormap not in COLORMAPS:
        raise SelectionError(f"the colour maps are {', '.join(COLORMAPS)}, got {colormap!r}")
    anchors = np.array([tuple(bytes.fromhex(c)) for c in COLORMAPS[colormap]], np.float32)
    steps = np.linspace(0, len(anchors) - 1, 256)
    table = np.stack([np.interp(steps, np.arange(len(anchors)), channel) for channel in anchors.T], 1)
    return table.round().astype(np.uint8)


def map_levels(maps: np.ndarray, end: float | np.ndarray, *, signed: bool = False) -> np.ndarray:
    """Turn feature maps into numbers of colours, uint8 of the same shape.

    Args:
        maps: (H, W) or (C, H, W).
        end: the value of full colour, one for all or shaped (C, 1, 1); 0 or less for what has no values above zero.
        signed: for values before ReLU, on a scale from -``end`` to ``end``; else it begins at zero.
    """
    limits = np.asarray(end, maps.dtype)
    fractions = maps / np.where(limits > 0, limits, 1)
    return levels(np.clip(0.5 + fractions / 2 if signed else fractions, 0, 1))


def heat(values: np.ndarray, colormap: str = "viridis", limits: tuple[float, float] | None = None) -> np.ndarray:
    """Colour a map (H, W) from ``limits``, by default 0 to its maximum, as uint8 (H, W, 3); NaN becomes light grey."""
    low, high = limits or (0.0, float(values.max()))
    unknown = np.isnan(values)
    drawn = colour(normalise(np.where(unknown, low, values), low, high), colormap)
    drawn[unknown] = _UNKNOWN
    return drawn


def category(rank: int) -> str:
    """Return the colour of the class at a place in an order, such as ``"#e69f00"``."""
    return "#" + CATEGORIES[min(rank, len(CATEGORIES) - 1)]


def categorical(values: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Colour a map of classes (H, W) as uint8 (H, W, 3): each of ``order`` by its place in ``CATEGORIES``."""
    table = np.array([tuple(bytes.fromhex(c)) for c in CATEGORIES], np.uint8)
    drawn = np.full((*values.shape, 3), table[-1])
    for index, value in zip(order, table[:-1], strict=False):
        drawn[values == index] = value
    return drawn


def signed_heat(values: np.ndarray, limit: float | None = None, colormap: str = "diverging") -> np.ndarray:
    """Colour a signed map (H, W), uint8 (H, W, 3): blue below zero, white at zero, red above.

    Weights have colours of their own, ``colormap="weights"``: brown below zero, green above.
    """
    peak = float(np.abs(values).max()) if limit is None else limit
    return colour(normalise(values, -peak, peak) if peak > 0 else np.full(values.shape, 0.5), colormap)


def signed_pixels(pixels: np.ndarray, limit: float | None = None) -> np.ndarray:
    """Show a signed reconstruction (H, W, 3), uint8: grey is zero, one scale for all three colours."""
    peak = float(np.abs(pixels).max()) if limit is None else limit
    fractions = normalise(pixels, -peak, peak) if peak > 0 else np.full(pixels.shape, 0.5, np.float32)
    return (fractions * 255).round().astype(np.uint8)


def projection(pixels: np.ndarray, box: tuple[int, int, int, int]) -> tuple[np.ndarray, float]:
    """Show a projection (H, W, 3) as ``signed_pixels`` does, on a scale that most of its pixels fill.

    A projection has a few very strong pixels; on their scale the rest would be grey.

    Args:
        pixels: signed, zero outside of ``box``.
        box: (top, left, bottom, right), half-open; an empty one means the whole picture.

    Returns:
        uint8 (H, W, 3), and the value of full colour: 1 value in 200 within the box lies beyond.
    """
    top, left, bottom, right = box
    seen = pixels[top:bottom, left:right] if bottom > top else pixels
    limit = float(np.quantile(np.abs(seen), _FULL_COLOUR))
    return signed_pixels(pixels, limit), limit


def filter_tiles(weights: np.ndarray) -> list[np.ndarray]:
    """Show filters over the three colours, (N, 3, k, k), each as uint8 (k, k, 3).

    Grey is zero; each filter has a symmetric scale of its own, up to its largest weight in any colour.
    """
    return [signed_pixels(weight.transpose(1, 2, 0)) for weight in weights]


def cut(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Cut out a box (top, left, bottom, right); an empty one means the whole picture."""
    top, left, bottom, right = box
    return pixels[top:bottom, left:right].copy() if bottom > top else pixels


def enlarge(pixels: np.ndarray, side: int) -> np.ndarray:
    """Repeat pixels (H, W[, 3]) by the largest whole factor that keeps the longer side within ``side``."""
    factor = max(1, side // max(pixels.shape[:2]))
    return pixels.repeat(factor, 0).repeat(factor, 1)


def mosaic(tiles: Sequence[np.ndarray], columns: int, gap: int = 2, background: int = 255) -> np.ndarray:
    """Lay equal tiles (h, w[, 3]) in rows of ``columns``, each with ``gap`` pixels to its right and below."""
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + gap), columns * (width + gap), *tiles[0].shape[2:]), background, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def place(values: np.ndarray, field: Centred, size: int = 224) -> np.ndarray:
    """Lay a map (H, W) on the picture by the centres of its cells, such as receptive fields, bilinear between.

    Beyond the outermost centres the nearest cell's value goes on. Returns float32 (size, size).
    """
    rows = np.interp(np.arange(size), [field.centre(i) for i in range(values.shape[0])], np.arange(values.shape[0]))
    columns = np.interp(np.arange(size), [field.centre(i) for i in range(values.shape[1])], np.arange(values.shape[1]))
    vertical = _between(values.astype(np.float32), rows)
    return _between(vertical.T, columns).T


def overlay(
    view: np.ndarray,
    fractions: np.ndarray,
    colormap: str = "viridis",
    opacity: float = 0.6,
    *,
    strength: np.ndarray | None = None,
) -> np.ndarray:
    """Lay a map over a picture: what is low stays see-through, the picture beneath loses its colour.

    Args:
        view: uint8 (H, W, 3).
        fractions: the map, in [0, 1], (H, W).
        colormap: the colours of the map.
        opacity: of the strongest spot, in [0, 1]; 0 gives the picture untouched.
        strength: what stays see-through where it is low, in [0, 1], (H, W); by default the map itself.
    """
    grey = np.asarray(Image.fromarray(view).convert("L"), np.float32)[..., None]
    faded = view * (1 - opacity) + (0.5 * view + 0.5 * grey) * opacity
    alpha = ((fractions if strength is None else strength) * opacity)[..., None]
    return (faded * (1 - alpha) + colour(fractions, colormap) * alpha).round().astype(np.uint8)


def contour(pixels: np.ndarray, fractions: np.ndarray, level: float) -> np.ndarray:
    """Draw a line around what lies at or above a level.

    Args:
        pixels: the picture, uint8 (H, W, 3).
        fractions: the map, in [0, 1], (H, W).
        level: in (0, 1].

    Returns:
        The picture with a white line of one pixel inside of what is at or above the level, and a black one outside.
    """
    inside = np.pad(fractions >= level, 1, mode="edge")
    neighbours = np.stack([inside[:-2, 1:-1], inside[2:, 1:-1], inside[1:-1, :-2], inside[1:-1, 2:]])
    own, drawn = inside[1:-1, 1:-1], pixels.copy()
    drawn[own & ~neighbours.all(0)] = 255
    drawn[~own & neighbours.any(0)] = 0
    return drawn


def draw_box(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Frame ``box`` (top, left, bottom, right; half-open) by a red line in a white one, both outside of it."""
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    top, left, bottom, right = box
    for distance, colour_ in ((2, _BOX_COLOURS[0]), (1, _BOX_COLOURS[1])):
        # At the picture's edge the frame moves inwards, so that it stays visible.
        limits = (
            (max(left - distance, 0), max(top - distance, 0)),
            (
                min(right + distance, picture.width) - 1,
                min(bottom + distance, picture.height) - 1,
            ),
        )
        draw.rectangle(limits, outline=colour_)
    return np.asarray(picture)


def draw_point(pixels: np.ndarray, point: tuple[float, float], radius: int = 14) -> np.ndarray:
    """Ring a ``point`` (row, column) in red between white; at the picture's edge the ring moves inwards."""
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    y, x = (min(max(at, radius), size - 1 - radius) for at, size in zip(point, pixels.shape, strict=False))
    for distance, colour_, width in ((0, _BOX_COLOURS[0], 6), (-1, _BOX_COLOURS[1], 4)):
        reach = radius + distance
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline=colour_, width=width)
    return np.asarray(picture)


def switches(below: np.ndarray, cells: np.ndarray, signal: np.ndarray, side: int = 448) -> np.ndarray:
    """Draw on a map, in grey, which cells the pooling windows chose, and which of those a signal comes back to.

    Args:
        below: the map that was pooled, (H, W), not negative. Drawn is the square around the cells that a signal comes
            back to.
        cells: the (row, column) that each window chose, int (h, w, 2).
        signal: what comes back to each window, (h, w), not zero everywhere.
        side: of the drawing, at most, in pixels.

    Returns:
        uint8 (S, S, 3): blue dots for chosen cells, orange ones, larger, where a signal arrives.
    """
    lit = cells[signal != 0]
    extent = min(int(np.ptp(lit, axis=0).max()) + 1 + 2 * _MARGIN, *below.shape)
    top, left = np.clip(lit.min(0) - _MARGIN, 0, np.array(below.shape) - extent).tolist()
    cut = below[top : top + extent, left : left + extent]
    sheet = enlarge(colour(normalise(cut, 0, float(below.max())), "grey"), side)
    factor = len(sheet) // extent
    picture = Image.fromarray(sheet)
    draw = ImageDraw.Draw(picture)
    for some, fill, radius in ((cells[signal == 0], _CHOSEN, factor / 8), (lit, _ARRIVING, factor / 3)):
        for row, column in (some - (top, left)).tolist():
            x, y, r = (column + 0.5) * factor, (row + 0.5) * factor, max(radius, 1)
            draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    return np.asarray(picture)


def diagram(rows: Sequence[LayerRow], marked: str = "", size: tuple[int, int] = (960, 240)) -> np.ndarray:
    """Draw the layers as blocks, as high as their maps (square root) and as wide as their channels (logarithm).

    The scale is the same for every network, unless its maps or its sum of channels go beyond all known ones.

    Args:
        rows: the architecture table; the ``gap`` head is left out, it is not on the way.
        marked: the layer to be drawn in the accent colour.
        size: width and height of the drawing in pixels. From a width of 800 on, the blocks are named, with their sizes.

    Returns:
        uint8 (height, width, 3).
    """
    blocks = [row for row in rows if row.name != "gap"]
    width, height = size
    text = width // 64 if width >= _NAMED_WIDTH else 0
    gap, tall = width // 90, height - 3 * text
    shares = np.log2([row.output[0] for row in blocks])
    widths = (shares / max(shares.sum(), _WIDEST) * (width - gap * (len(blocks) + 1))).astype(int)
    cells_at_full_height = max(_TALLEST, blocks[0].output[1])
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    left = (width - widths.sum() - gap * (len(blocks) - 1)) // 2
    for row, block in zip(blocks, widths.tolist(), strict=True):
        # A fully connected layer has no height; it is drawn as high as a map of 14 cells.
        cells = row.output[1] if row.kind != "fully connected" else 14
        half = int(0.48 * tall * np.sqrt(cells / cells_at_full_height))
        fill = _MARKED if row.name == marked else _BLOCKS[row.kind]
        draw.rounded_rectangle((left, tall // 2 - half, left + block, tall // 2 + half), radius=3, fill=fill)
        if text:
            channels, rows_, columns = row.output
            said = f"{rows_}×{columns}×{channels}" if row.kind != "fully connected" else f"{channels}"
            for line, up, large in ((row.name, 2.2, text), (said, 0.9, round(0.66 * text))):
                draw.text((left + block / 2, height - up * text), line, fill="#333333", font=font(large), anchor="mm")
        left += block + gap
    return np.asarray(picture)


def on_dark(drawing: np.ndarray) -> np.ndarray:
    """Return a drawing on white as one on black: its greys are reversed, its colours stay.

    Args:
        drawing: uint8 (H, W, 3).

    Returns:
        uint8 (H, W, 3).
    """
    grey = (drawing == drawing[..., :1]).all(axis=2, keepdims=True)
    return np.where(grey, 255 - drawing, drawing)


def encode_png(pixels: np.ndarray, colormap: str | None = None) -> bytes:
    """Return a picture as PNG.

    Args:
        pixels: uint8 (H, W, 3), or with a ``colormap`` the numbers of its colours, uint8 (H, W), which take a third of
            the bytes.
        colormap: what the numbers stand for.
    """
    picture, buffer = Image.fromarray(pixels), io.BytesIO()
    if colormap is not None:
        picture.putpalette(palette(colormap).tobytes())
    # The fastest level: the slowest saves a twentieth of the bytes.
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _between(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Interpolate the rows of (H, W) linearly at fractional row numbers."""
    low = np.floor(at).astype(int).clip(0, len(values) - 1)
    high = (low + 1).clip(0, len(values) - 1)
    part = (at - low)[:, None].astype(np.float32)
    return np.asarray(values[low] * (1 - part) + values[high] * part)
