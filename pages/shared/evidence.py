"""Evidence for a class as pictures, cached: by every method, on any scale, in its parts, and in fine lines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pages.shared.results import abandoned, cached, classification
from zfnet import InferenceSession, Unit, drawing, render
from zfnet.cam import ChannelEvidence, quick
from zfnet.classification import HEADS
from zfnet.geometry import receptive_field
from zfnet.saliency import METHODS as SALIENCY

GUIDED = "guided gradcam"
# The method that asks for no class.
CLASSLESS = "eigencam"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which evidence: by which method, in which layer, for which head, and whether its score is centred."""

    method: str = "gradcam"
    layer: str = "conv5"
    head: str = "fc"
    centred: bool = True


@dataclass(frozen=True, slots=True)
class Paint:
    """How evidence is laid on the picture: in which colours, how opaque, and with a line around what is above a share
    of the largest value (0 for none)."""

    colormap: str
    opacity: float = 0.7
    contour: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sum before its last ReLU, float32 (H, W), raw."""

    values: np.ndarray

    @property
    def high(self) -> float:
        """Return the strongest evidence, 0 where there is none."""
        return max(float(self.values.max()), 0.0)

    @property
    def low(self) -> float:
        """Return the smallest value: below zero, something speaks against the class."""
        return float(self.values.min())

    @property
    def strongest(self) -> tuple[int, int]:
        """Return the (row, column) of the largest value."""
        row, column = divmod(int(self.values.argmax()), self.values.shape[1])
        return row, column


def evidence(session: InferenceSession, view: Image.Image, class_index: int, asked: Asked) -> Evidence:
    """Return the evidence for a class.

    The most probable classes, most often asked for, are computed together, which costs little more than one; with them
    what is the same for every class.
    """
    top = tuple(score.index for score in classification(session, view, asked.head).classes)
    if asked.method == CLASSLESS and class_index not in top:
        class_index = top[0]
    classes, methods = top, quick(asked.head, asked.layer)
    if class_index not in top:
        classes, methods = (class_index,), tuple(method for method in methods if method != CLASSLESS)
    every = _every(session, view, classes, methods=methods, layer=asked.layer, head=asked.head, centred=asked.centred)
    return every[class_index, asked.method]


@cached
def _every(
    session: InferenceSession,
    view: Image.Image,
    classes: tuple[int, ...],
    *,
    methods: tuple[str, ...],
    layer: str,
    head: str,
    centred: bool,
) -> dict[tuple[int, str], Evidence]:
    """Return the evidence for several classes by several methods."""
    found = session.class_activation(
        view,
        classes,
        methods=methods,
        layer=layer,
        head=head,
        rectified=False,
        centred=centred,
        cancel=abandoned,
    )
    return {(one.class_index, one.method): Evidence(one.values) for one in found}


@cached
def overlay(
    session: InferenceSession, view: Image.Image, values: Evidence, layer: str, *, paint: Paint, end: float
) -> bytes:
    """Lay evidence on the view, in full colour at ``end``."""
    shown = drawing.evidence(
        np.asarray(view),
        values.values,
        receptive_field(session.info.config, layer),
        colormap=paint.colormap,
        opacity=paint.opacity,
        contour=paint.contour,
        end=end,
    )
    return render.encode_png(shown)


@cached
def raw(values: Evidence, colormap: str, end: float) -> bytes:
    """Show evidence in its own cells; where there is none, the sum before its ReLU."""
    return render.encode_png(drawing.cells(values.values, colormap, end))


@cached
def parts(session: InferenceSession, view: Image.Image, class_index: int, asked: Asked) -> ChannelEvidence:
    """Take the Grad-CAM of a class apart into channels."""
    return session.channel_evidence(
        view, class_index, layer=asked.layer, head=asked.head, centred=asked.centred, cancel=abandoned
    )


@cached
def partial(session: InferenceSession, view: Image.Image, class_index: int, asked: Asked, *, count: int) -> Evidence:
    """Return the sum of the channels that count most."""
    return Evidence(parts(session, view, class_index, asked).partial(count))


@cached
def lines(
    session: InferenceSession, view: Image.Image, class_index: int, asked: Asked, *, method: str
) -> tuple[bytes, float]:
    """Show how each pixel moves a class, and the value of full colour."""
    if method == GUIDED:
        found = session.guided_gradcam(view, class_index, head=asked.head, centred=asked.centred, cancel=abandoned)
    else:
        unit = Unit(HEADS[asked.head], class_index)
        found = session.saliency(view, unit, method=method, centred=asked.centred, cancel=abandoned)
    shown, limit = render.projection(found.pixels, (0, 0, 0, 0))
    return render.encode_png(shown), limit


LINES: Sequence[str] = (*SALIENCY, GUIDED)


@dataclass(frozen=True, slots=True)
class Integrated:
    """Integrated gradients as a picture with its value of full colour; how far they explain the change of the score."""

    drawn: bytes
    limit: float
    steps: int
    change: float
    explained: float


@cached
def integrated(
    session: InferenceSession, view: Image.Image, class_index: int, *, head: str, centred: bool
) -> Integrated:
    """Show how much of a class's score each pixel accounts for."""
    unit = Unit(HEADS[head], class_index)
    found = session.integrated_gradients(view, unit, centred=centred, cancel=abandoned)
    shown, limit = render.projection(found.pixels, (0, 0, 0, 0))
    return Integrated(render.encode_png(shown), limit, found.steps, found.change, found.explained)
