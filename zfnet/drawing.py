"""Results as the pictures that the pages show: what ``render`` draws, put together for one method each.

    pixels = drawing.evidence(np.asarray(view), found.values, receptive_field(session.info.config, "conv5"))
    Path("evidence.png").write_bytes(render.encode_png(pixels))

Pictures are uint8 (H, W, 3); where a colour map is still to be chosen, the numbers of its colours, uint8 (H, W).
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from zfnet import render
from zfnet.deconvnet import Projection
from zfnet.descent import Descent
from zfnet.geometry import ReceptiveField, ZFNetConfig, receptive_field
from zfnet.images import VIEW_SIDE
from zfnet.occlusion import OcclusionMaps
from zfnet.pointing import QUADRANTS, Trial

Box = tuple[int, int, int, int]
# The side of one of a pair of patches, in pixels.
PAIR = 140
# The side of a tile of a gallery.
TILE = 88
# Values that differ by less than this share are the same, up to rounding.
_SAME = 1e-3
_OPACITY = 0.85


def evidence(
    view: np.ndarray,
    values: np.ndarray,
    field: ReceptiveField,
    *,
    colormap: str = "viridis",
    opacity: float = 0.7,
    contour: float = 0.0,
    end: float | None = None,
) -> np.ndarray:
    """Lay evidence for a class on the picture, uint8 (H, W, 3).

    Args:
        view: uint8 (H, W, 3).
        values: of the layer's cells, (h, w); what is below zero counts as zero.
        field: the receptive fields of these cells.
        colormap: a name of ``render.COLORMAPS``.
        opacity: of the strongest spot, in [0, 1].
        contour: draw a line around what is above this share of ``end``; 0 for none.
        end: the value of full colour, by default the largest.
    """
    full = max(float(values.max()), 0.0) if end is None else end
    fractions = render.normalise(render.place(np.maximum(values, 0), field, len(view)), 0, full)
    laid = render.overlay(view, fractions, colormap, opacity)
    return render.contour(laid, fractions, contour) if contour and full > 0 else laid


def cells(values: np.ndarray, colormap: str = "viridis", end: float | None = None) -> np.ndarray:
    """Show evidence in its own cells, uint8 (h, w, 3), in full colour at ``end``, by default the largest value.

    Where nothing is above zero, the sum before its ReLU is shown in the colours of a sign.
    """
    if values.max() > 0:
        return render.heat(np.maximum(values, 0), colormap, (0, float(values.max()) if end is None else end))
    return render.signed_heat(values)


def pairs(view: np.ndarray, projections: Sequence[Projection]) -> np.ndarray:
    """Lay what units looked at and their projections side by side, three pairs in a row, uint8 (H, W, 3).

    Args:
        view: uint8 (224, 224, 3).
        projections: each is shown with the square of the picture that holds its receptive field.
    """
    sheet = [
        np.hstack([_fit(square(shown, p.box)) for shown in (view, render.projection(p.pixels, p.box)[0])])
        for p in projections
    ]
    return render.mosaic(sheet, 3, gap=0)


def gallery(pictures: Sequence[np.ndarray], columns: int = 16) -> np.ndarray:
    """Lay pictures, uint8 (h, w, 3) of any sizes, in rows of equal square tiles, uint8 (H, W, 3).

    Pixels of very small pictures are repeated.
    """
    tiles = []
    for pixels in pictures:
        way = Image.Resampling.NEAREST if pixels.shape[1] < TILE / 2 else Image.Resampling.LANCZOS
        tiles.append(np.asarray(Image.fromarray(pixels).resize((TILE, TILE), way)))
    return render.mosaic(tiles, columns, gap=0)


def square(pixels: np.ndarray, box: Box) -> np.ndarray:
    """Cut out the smallest square within the picture that holds a box; the whole picture for an empty box."""
    top, left, bottom, right = box
    side = max(bottom - top, right - left) or len(pixels)
    top, left = min(top, len(pixels) - side), min(left, len(pixels) - side)
    return pixels[top : top + side, left : left + side]


def stages(found: Descent, config: ZFNetConfig) -> list[np.ndarray]:
    """Show what every operation on the way down leaves, on a square twice as large as the cell's receptive field.

    Returns:
        For each stage the numbers of colours, uint8 (h, w), from zero to the stage's brightest cell.
    """
    row, column = found.unit.position or (0, 0)
    around = _around(receptive_field(config, found.unit.layer).box(row, column, config.input_size), config.input_size)
    shown = []
    for stage in found.stages:
        part = _part(stage.strength, None if stage.at == "input" else receptive_field(config, stage.at), around)
        shown.append(render.levels(render.normalise(part, 0, float(stage.strength.max()))))
    return shown


def middle(values: np.ndarray, side: int, stride: int = 1) -> np.ndarray:
    """Cut out the samples, one every ``stride`` pixels, of the ``side`` pixels in the middle of the view."""
    first, count = (VIEW_SIDE - side) // 2 // stride, side // stride
    return values[first : first + count, first : first + count]


def occlusion(maps: OcclusionMaps, view: np.ndarray, colormap: str = "viridis") -> np.ndarray:
    """Lay the probability of a class on the picture, uint8 (H, W, 3).

    What the square costs covers the picture; where it costs nothing, or helps, the picture stays as it is.
    """
    placed, whole = render.place(maps.probability, maps, len(view)), maps.whole[0]
    cost = render.normalise(whole - placed, 0, whole - float(maps.probability.min()))
    fractions = render.normalise(placed, *occlusion_ends(maps.probability, whole))
    return render.overlay(view, fractions, colormap, _OPACITY, strength=cost)


def occlusion_range(values: np.ndarray, whole: float) -> tuple[float, float]:
    """Return the smallest and the largest value of an occlusion map, that without the square included."""
    return min(float(values.min()), whole), max(float(values.max()), whole)


def occlusion_flat(values: np.ndarray, whole: float) -> bool:
    """Return whether covering the picture changes nothing, up to rounding."""
    low, high = occlusion_range(values, whole)
    return high - low <= _SAME * abs(whole)


def occlusion_ends(values: np.ndarray, whole: float) -> tuple[float, float]:
    """Return where the colours of an occlusion map begin and end; where nothing changes, all is as bright as can be."""
    low, high = occlusion_range(values, whole)
    return (low - 1, low) if occlusion_flat(values, whole) else (low, high)


def pointing(
    composed: np.ndarray,
    trial: Trial,
    method: str,
    field: ReceptiveField,
    *,
    colormap: str = "viridis",
    opacity: float = 0.7,
    side: int = 448,
) -> np.ndarray:
    """Lay a map on a composed picture, frame the quadrant of what was pasted, and ring the map's maximum.

    Args:
        composed: the picture with the second one pasted into it, uint8 (H, W, 3).
        trial: of :func:`zfnet.pointing.pointing`.
        method: whose map.
        field: the receptive fields of the map's cells.
        colormap: a name of ``render.COLORMAPS``.
        opacity: of the strongest spot, in [0, 1].
        side: of the drawing, at most, in pixels.

    Returns:
        uint8 (S, S, 3).
    """
    values = trial.maps[method]
    end = float(render.place(np.maximum(values, 0), field, len(composed)).max())
    laid = evidence(composed, values, field, colormap=colormap, opacity=opacity, end=end)
    large = render.enlarge(render.draw_box(laid, QUADRANTS[trial.quadrant]), side)
    factor, point = len(large) // len(laid), trial.points[method]
    if point is None:
        return large
    row, column = point
    return render.draw_point(large, (factor * (row + 0.5), factor * (column + 0.5)))


def _around(box: Box, size: int) -> tuple[range, range]:
    """Return the rows and columns of a square around a box, twice as large, as far as it lies in the picture."""
    top, left, bottom, right = box
    side = min(2 * max(bottom - top, right - left), size)
    first = (min(max((a + b - side) // 2, 0), size - side) for a, b in ((top, bottom), (left, right)))
    rows, columns = (range(start, start + side) for start in first)
    return rows, columns


def _part(values: np.ndarray, field: ReceptiveField | None, around: tuple[range, range]) -> np.ndarray:
    """Cut out of (H, W) the cells that are centred within a part of the picture; without a field they are pixels."""
    rows, columns = (
        [i for i in range(count) if pixels.start <= (field.centre(i) if field else i) < pixels.stop]
        for count, pixels in zip(values.shape, around, strict=True)
    )
    return values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit(pixels: np.ndarray) -> np.ndarray:
    """Bring a square cut-out to the size of a tile: enlarged by repeating pixels, or averaged."""
    way = Image.Resampling.NEAREST if len(pixels) < PAIR else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize((PAIR, PAIR), way))
