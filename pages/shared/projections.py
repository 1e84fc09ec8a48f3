"""Projections as pictures, cached: of one unit, of nine, every stage of the way down, and by other rules."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from pages.shared.results import abandoned, cached, large
from zfnet import InferenceSession, Unit, drawing, render
from zfnet.deconvnet import Projection
from zfnet.geometry import receptive_field, shapes

# Three pictures stand beside each other: a receptive field of 139 pixels is doubled.
SIDE = 336
_WHOLE = (0, 0, 0, 0)
PAIR, cut = drawing.PAIR, render.cut


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
    return large(drawing.square(render.projection(found.pixels, found.box)[0], found.box), SIDE)


@cached
def nine_strongest(session: InferenceSession, view: Image.Image, layer: str) -> Nine:
    """Project the nine units of a layer that answer the view most strongly, beside what they looked at."""
    ranked = session.feature_maps(view, layer, cancel=abandoned).ranked()[:9].tolist()
    found = session.deconvnet(view, [Unit(layer, channel) for channel in ranked], cancel=abandoned)
    return Nine(
        units=tuple(p.unit for p in found),
        activations=tuple(p.activation for p in found),
        sheet=render.encode_png(drawing.pairs(np.asarray(view), found)),
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
    found = session.descent(view, unit, cancel=abandoned)
    drawn = drawing.stages(found, session.info.config)
    stages = tuple(
        StagePicture(
            *(s.operation, s.layer, s.at),
            shape=(s.channels, *s.strength.shape),
            peak=float(s.strength.max()),
            strength=render.encode_png(levels, "inferno"),
        )
        for s, levels in zip(found.stages, drawn, strict=True)
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
