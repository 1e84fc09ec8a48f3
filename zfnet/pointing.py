"""Grid pointing: a second picture is pasted into a quadrant; does the map for its class point there?

The first picture stays as it is, the second is shrunk to half its size and laid over one of the four quadrants Q. For
its class c every method makes a map L of the composed picture, whose maximum is one point of it,

    hit  ⇔  the centre of argmax L(c) lies in Q,

where a cell's centre is that of its receptive field. All four quadrants are tried: a map scores 0 to 4, and one that
knows nothing scores 1 on average. A miss blames the map only where the network sees what was pasted, so that each trial
says what became of the class's probability and rank. A hit praises it only where the map for another class, the first
picture's own, points elsewhere: this one is made, too.

References: Zhang, Lin, Brandt, Shen & Sclaroff 2018, "Top-down Neural Attention by Excitation Backprop" (the pointing
game); Böhle, Fritz & Schiele 2021, "Convolutional Dynamic Alignment Networks for Interpretable Classifications" (the
grid pointing game).

Differences from the papers: Böhle et al. lay whole pictures in a grid of 2×2 or 3×3, choose those that the network is
sure of, and score the share of positive evidence in the right cell. Here one picture is pasted into another that stays
whole, as Zhang et al.'s objects are parts of scenes, and only the maximum counts, as theirs does, without their margin
of 15 pixels. Nothing is chosen: what the network no longer recognises is told, not left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from torch import Tensor

from zfnet.cam import class_activation
from zfnet.classification import head_layer
from zfnet.errors import Cancelled, SelectionError
from zfnet.faithfulness import edge_map
from zfnet.geometry import receptive_field
from zfnet.images import VIEW_SIDE, as_view
from zfnet.model import Trace, ZFNet

_HALF = VIEW_SIDE // 2
# (top, left, bottom, right), half-open, in reading order.
QUADRANTS: Mapping[str, tuple[int, int, int, int]] = {
    "top_left": (0, 0, _HALF, _HALF),
    "top_right": (0, _HALF, _HALF, VIEW_SIDE),
    "bottom_left": (_HALF, 0, VIEW_SIDE, _HALF),
    "bottom_right": (_HALF, _HALF, VIEW_SIDE, VIEW_SIDE),
}
# A map that knows no network; the pasted picture's frame is itself an edge. A map of chance hits CHANCE of the time.
EDGES, CHANCE = "edges", 1 / len(QUADRANTS)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Trial:
    """One quadrant: what the network says of the class there, and where every map points.

    ``probability`` and ``rank`` (1 for the most probable) are those of the class in the composed picture, ``label`` is
    its most probable class. ``points`` holds a (row, column) for every method and for ``EDGES``, None where a map has
    nothing above zero; ``other_points`` the same, without edges, when asked for the first picture's own class.
    ``maps`` are the methods' maps for the pasted class before their last ReLU, float32 in the layer's own size.
    """

    quadrant: str
    probability: float
    rank: int
    label: int
    points: Mapping[str, Point | None]
    other_points: Mapping[str, Point | None]
    maps: Mapping[str, np.ndarray] = field(repr=False)

    def hit(self, method: str) -> bool:
        """Return whether a map's maximum lies in the quadrant."""
        return self._inside(self.points[method])

    def stray(self, method: str) -> bool:
        """Return whether the map for the first picture's own class points into the quadrant, too."""
        return self._inside(self.other_points[method])

    def _inside(self, point: Point | None) -> bool:
        top, left, bottom, right = QUADRANTS[self.quadrant]
        return point is not None and top <= point[0] < bottom and left <= point[1] < right


@dataclass(frozen=True, slots=True)
class Pointing:
    """The trials of one pair of pictures, a quadrant each.

    ``class_index`` is the class of what was pasted, ``alone`` its probability with nothing pasted, ``other`` the most
    probable class then.
    """

    class_index: int
    other: int
    layer: str
    head: str
    alone: float
    trials: tuple[Trial, ...]

    def hits(self, method: str) -> int:
        """Return in how many quadrants a map for the pasted class points to what was pasted."""
        return sum(trial.hit(method) for trial in self.trials)

    def strays(self, method: str) -> int:
        """Return in how many quadrants the map for the first picture's own class points there, too."""
        return sum(trial.stray(method) for trial in self.trials)

    def recognised(self, ranks: int = 5) -> int:
        """Return in how many quadrants the pasted class is among the first ranks."""
        return sum(trial.rank <= ranks for trial in self.trials)


def compose(picture: Image.Image, second: Image.Image, quadrant: str) -> Image.Image:
    """Return a 224×224 picture with a second one, shrunk to half, in one quadrant.

    Args:
        picture: what stays whole; anything but a 224×224 view is centre-cropped, as is the second picture.
        second: what is pasted.
        quadrant: of ``QUADRANTS``.

    Raises:
        SelectionError: for another quadrant.
    """
    if quadrant not in QUADRANTS:
        raise SelectionError(f"the quadrants are {', '.join(QUADRANTS)}, got {quadrant!r}")
    top, left, *_ = QUADRANTS[quadrant]
    composed = as_view(picture).copy()
    # The mean of every four pixels: nothing rings, nothing aliases.
    composed.paste(as_view(second).reduce(2), (left, top))
    return composed


def pointing(
    model: ZFNet,
    alone: Trace,
    composed: Iterable[Trace],
    class_index: int,
    *,
    methods: Sequence[str] = ("gradcam",),
    layer: str = "conv5",
    head: str = "fc",
    centred: bool = False,
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    cancel: Callable[[], bool] | None = None,
) -> Pointing:
    """Ask every method where a class is, in four composed pictures.

    Args:
        model: the network of the traces.
        alone: of the picture with nothing pasted.
        composed: of the four composed pictures, in the order of ``QUADRANTS``; one is held at a time.
        class_index: the class of what was pasted.
        methods: of ``zfnet.cam.METHODS``.
        layer: where the maps are made.
        head: which classifier answers, "fc" or "gap".
        centred: whether the maps are for the logit less the mean of all logits.
        slot: entered for every trial, so that others' work can go in between.
        cancel: asked before every trial.

    Raises:
        SelectionError: for a class, method, layer or head that does not exist.
        Cancelled: when ``cancel`` says so.
    """
    logits, seen, trials = head_layer(alone, head), receptive_field(model.config, layer), []
    other = int(alone.outputs[logits][0].argmax())
    for number, (quadrant, trace) in enumerate(zip(QUADRANTS, composed, strict=True)):
        if cancel and cancel():
            raise Cancelled(f"stopped after {number} of {len(QUADRANTS)} quadrants")
        with slot():
            found = class_activation(
                model,
                trace,
                list(dict.fromkeys([class_index, other])),
                methods=methods,
                layer=layer,
                head=head,
                rectified=False,
                centred=centred,
            )
            probability, rank, label = _answer(trace.outputs[logits][0], class_index)
            edges = edge_map(trace)
        points, other_points = (
            {one.method: strongest(one.values, seen.centre) for one in found if one.class_index == index}
            for index in (class_index, other)
        )
        maps = {one.method: one.values for one in found if one.class_index == class_index}
        points[EDGES] = strongest(edges)
        trials.append(Trial(quadrant, probability, rank, label, points, other_points, maps))
    probability, *_ = _answer(alone.outputs[logits][0], class_index)
    return Pointing(class_index, other, layer, head, probability, tuple(trials))


def strongest(values: np.ndarray, centre: Callable[[int], float] = float) -> Point | None:
    """Return where a map (H, W) is highest on the picture, None where nothing is above zero; ties go to the first cell.

    Args:
        values: the map.
        centre: the pixel index at the middle of a cell, along one axis; by default a cell is a pixel.
    """
    row, column = divmod(int(values.argmax()), values.shape[1])
    return (centre(row), centre(column)) if values[row, column] > 0 else None


def _answer(logits: Tensor, class_index: int) -> tuple[float, int, int]:
    """Return a class's probability and rank, and the most probable class."""
    own = logits[class_index]
    return float(logits.softmax(0)[class_index]), 1 + int((logits > own).sum()), int(logits.argmax())
