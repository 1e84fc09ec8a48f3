"""Projections as pictures, cached: of one unit, of nine, every stage of the way down, and by other rules."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from pages.shared.results import abandoned, cached, large
from zfnet import InferenceSession, Unit, render
from zfnet.deconvnet import Projection
from zfnet.descent import Stage
from zfnet.geometry import ReceptiveField, receptive_field, shapes

PAIR = 140
# Three pictures stand beside each other: a receptive field of 139 pixels is doubled.
SIDE = 336
_WHOLE = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ProjectionPictures:
    """One projection: the input patch and the projected patch at one scale. Colours are full at ± ``limit``."""

    position: tuple[int, int] | None
    activation: float
    box: tuple[int, int, int, int]
    input_patch: bytes
    patch: bytes
    limit: float


@dataclass(frozen=True, slots=True)
class Nine:
    """The nine strongest units of a layer, and their input patches and projections in one sheet of pairs."""

    units: tuple[Unit, ...]
    activations: tuple[float, ...]
    sheet: bytes


@dataclass(frozen=True, slots=True)
class StagePicture:
    """What one operation on the way down leaves, in the size of ``at``; the brightest cell has the value ``peak``."""

    operation: str
    layer: str
    at: str
    shape: tuple[int, int, int]
    peak: float
    strength: bytes


@dataclass(frozen=True, slots=True)
class SwitchPicture:
    """The switches of one of ``channels`` channels of a pooling, drawn on a part of the map below.

    A signal comes back to ``arriving`` of them.
    """

    layer: str
    channel: int
    channels: int
    arriving: int
    drawn: bytes


@dataclass(frozen=True, slots=True)
class WayDown:
    """All stages from the activation ``seed`` to the pixels, and the switches on the way."""

    seed: float
    stages: tuple[StagePicture, ...]
    switches: tuple[SwitchPicture, ...]


@cached
def projected(session: InferenceSession, view: Image.Image, unit: Unit, *, whole_map: bool) -> Projection:
    """Project one unit; ``pixels`` are those of its box alone, of the whole picture for a silent unit."""
    (found,) = session.deconvnet(view, [unit], whole_map=whole_map, cancel=abandoned)
    return replace(found, pixels=cut(found.pixels, found.box))


def cut(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Cut out a box (top, left, bottom, right); an empty one means the whole picture."""
    top, left, bottom, right = box
    return pixels[top:bottom, left:right].copy() if bottom > top else pixels


@cached
def projection(session: InferenceSession, view: Image.Image, unit: Unit, *, whole_map: bool) -> ProjectionPictures:
    """Show one projection and what the unit looked at."""
    found = projected(session, view, unit, whole_map=whole_map)
    shown, limit = render.projection(found.pixels, _WHOLE)
    return ProjectionPictures(
        position=found.position,
        activation=found.activation,
        box=found.box,
        input_patch=large(cut(np.asarray(view), found.box), SIDE),
        patch=large(shown, SIDE),
        limit=limit,
    )


@cached
def tile(session: InferenceSession, view: Image.Image, unit: Unit) -> bytes:
    """Show one projection, made square by what lies beside it."""
    (found,) = session.deconvnet(view, [unit], cancel=abandoned)
    return large(_square(render.projection(found.pixels, found.box)[0], found.box), SIDE)


@cached
def nine_strongest(session: InferenceSession, view: Image.Image, layer: str) -> Nine:
    """Project the nine units of a layer that answer the view most strongly, beside what they looked at."""
    ranked = session.feature_maps(view, layer, cancel=abandoned).ranked()[:9].tolist()
    found = session.deconvnet(view, [Unit(layer, channel) for channel in ranked], cancel=abandoned)
    pixels = np.asarray(view)
    pairs = [
        np.hstack([_fit(_square(shown, p.box)) for shown in (pixels, render.projection(p.pixels, p.box)[0])])
        for p in found
    ]
    return Nine(
        units=tuple(p.unit for p in found),
        activations=tuple(p.activation for p in found),
        sheet=render.encode_png(render.mosaic(pairs, 3, gap=0)),
    )


@cached
def saliency(session: InferenceSession, view: Image.Image, unit: Unit, method: str) -> tuple[bytes, float]:
    """Show the gradient or guided backpropagation of one cell within its receptive field; return full colour, too."""
    found = session.saliency(view, unit, method=method, cancel=abandoned)
    size = session.info.config.input_size
    box = receptive_field(session.info.config, unit.layer).box(*(unit.position or (0, 0)), size)
    shown, limit = render.projection(found.pixels, box)
    return large(cut(shown, box), SIDE), limit


@cached
def descent(session: InferenceSession, view: Image.Image, unit: Unit) -> WayDown:
    """Show what every operation on the way down leaves, and the switches of the poolings."""
    found, config = session.descent(view, unit, cancel=abandoned), session.info.config
    row, column = found.unit.position or (0, 0)
    around = _around(receptive_field(config, unit.layer).box(row, column, config.input_size), config.input_size)

    def drawn(stage: Stage) -> bytes:
        part = _part(stage.strength, None if stage.at == "input" else receptive_field(config, stage.at), around)
        return render.encode_png(render.levels(render.normalise(part, 0, float(stage.strength.max()))), "inferno")

    stages = tuple(
        StagePicture(s.operation, s.layer, s.at, (s.channels, *s.strength.shape), float(s.strength.max()), drawn(s))
        for s in found.stages
    )
    switches = tuple(
        SwitchPicture(
            s.layer,
            s.channel,
            shapes(session.info.config)[s.layer][0],
            int((s.signal != 0).sum()),
            render.encode_png(render.switches(s.below, s.cells, s.signal, SIDE)),
        )
        for s in found.switches
    )
    return WayDown(found.seed, stages, switches)


def _around(box: tuple[int, int, int, int], size: int) -> tuple[range, range]:
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


def _square(pixels: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Cut out the smallest square within the picture that holds a box; the whole picture for an empty box."""
    top, left, bottom, right = box
    side = max(bottom - top, right - left) or len(pixels)
    top, left = min(top, len(pixels) - side), min(left, len(pixels) - side)
    return pixels[top : top + side, left : left + side]


def _fit(pixels: np.ndarray) -> np.ndarray:
    """Bring a square cut-out to the size of a tile: enlarged by repeating pixels, or averaged."""
    way = Image.Resampling.NEAREST if len(pixels) < PAIR else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize((PAIR, PAIR), way))
