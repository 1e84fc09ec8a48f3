"""Projections as pictures, cached: of one unit, of nine, every stage of the way down, and by other rules."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pages.shared.results import SIDE, abandoned, cached, large
from zfnet import InferenceSession, Unit, render
from zfnet.geometry import receptive_field

PAIR = 140


@dataclass(frozen=True, slots=True)
class ProjectionPictures:
    """One projection: the input patch and the projected patch at one scale.

    ``tile`` is the projected patch made square by what lies beside it. Colours are full at ± ``limit``.
    """

    position: tuple[int, int] | None
    activation: float
    box: tuple[int, int, int, int]
    tile: bytes
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
    """The switches of one channel of a pooling, drawn on the map below; a signal comes back to ``arriving`` of them."""

    layer: str
    channel: int
    arriving: int
    drawn: bytes


@dataclass(frozen=True, slots=True)
class WayDown:
    """All stages from the activation ``seed`` to the pixels, and the switches on the way."""

    seed: float
    stages: tuple[StagePicture, ...]
    switches: tuple[SwitchPicture, ...]


@cached
def projection(
    session: InferenceSession, view: Image.Image, unit: Unit, *, whole_map: bool = False
) -> ProjectionPictures:
    """Project one unit and cut out what it looked at."""
    (found,) = session.deconvnet(view, [unit], whole_map=whole_map, cancel=abandoned)
    pixels = np.asarray(view)
    shown, limit = render.projection(found.pixels, found.box)
    top, left, bottom, right = found.box if found.activation > 0 else (0, 0, *pixels.shape[:2])
    return ProjectionPictures(
        position=found.position,
        activation=found.activation,
        box=found.box,
        tile=large(_square(shown, found.box)),
        input_patch=large(pixels[top:bottom, left:right]),
        patch=large(shown[top:bottom, left:right]),
        limit=limit,
    )


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
    top, left, bottom, right = box
    return large(shown[top:bottom, left:right]), limit


@cached
def descent(session: InferenceSession, view: Image.Image, unit: Unit) -> WayDown:
    """Show what every operation on the way down leaves, and the switches of the poolings."""
    found = session.descent(view, unit, cancel=abandoned)
    stages = tuple(
        StagePicture(
            s.operation,
            s.layer,
            s.at,
            (s.channels, *s.strength.shape),
            float(s.strength.max()),
            render.encode_png(render.levels(render.normalise(s.strength, 0, float(s.strength.max()))), "inferno"),
        )
        for s in found.stages
    )
    drawn = tuple(
        SwitchPicture(
            s.layer,
            s.channel,
            int((s.signal != 0).sum()),
            render.encode_png(render.switches(s.below, s.cells, s.signal, SIDE)),
        )
        for s in found.switches
    )
    return WayDown(found.seed, stages, drawn)


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
