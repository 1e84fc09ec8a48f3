"""Occlusion: what a class and a unit lose when a square of the picture is covered.

A square visits the picture; for every place the network answers anew. Three maps come out: the probability of a class
(figure 7d of the paper), the total activation of the conv5 map that is strongest in the whole picture (7b), and the
most probable label (7e).

Reference: Zeiler & Fergus 2013, section 4.2 and figure 7.

Differences from the paper: it states neither the size of the square nor its stride; both can be chosen, and instead of
grey the square can hold the mean colour, a blurred copy of the picture, or noise. Only what the square can reach is
computed anew (``zfnet.reach``), which gives the same maps.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import product
from math import isclose
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from zfnet.classification import head_layer
from zfnet.errors import Cancelled, SelectionError
from zfnet.model import Trace, ZFNet
from zfnet.reach import Patches, climb
from zfnet.unit import Unit

# Squares in one step: enough for large products, few enough that others' calls go in between.
_BATCH = 16
# Two traces of one picture agree to this share.
_SAME = 1e-4
_GREY = 128 / 255

Normalise = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Square:
    """What covers the picture: ``size`` and ``stride`` in pixels, ``fill`` of ``FILLS``; ``seed`` is that of noise."""

    size: int = 32
    stride: int = 16
    fill: str = "grey"
    seed: int = 0

    def offsets(self, side: int = 224) -> tuple[int, ...]:
        """Return the pixels at which the square begins on a picture of ``side``: every stride, and flush at the end."""
        return tuple(dict.fromkeys([*range(0, side - self.size, self.stride), side - self.size]))


@dataclass(frozen=True, slots=True)
class OcclusionMaps:
    """What the network says with the square at each place, (rows, columns), and without it.

    ``offsets`` are the pixels at which the square begins, down and across alike. ``probability`` is that of the class,
    ``activation`` the sum of the map of ``unit``, both float32, NaN where the square has not been yet; ``label`` the
    most probable class, int, -1 there. ``whole`` holds the same three for the picture as it is. ``probabilities``
    (rows, columns, classes) and ``whole_probabilities`` are those of all classes: the network gives them together.
    """

    class_index: int
    head: str
    unit: Unit
    square: Square
    offsets: tuple[int, ...]
    probabilities: np.ndarray = field(repr=False)
    activation: np.ndarray = field(repr=False)
    label: np.ndarray = field(repr=False)
    whole_probabilities: np.ndarray = field(repr=False)
    whole_activation: float

    @property
    def probability(self) -> np.ndarray:
        """Return the probability of the class, (rows, columns)."""
        return np.ascontiguousarray(self.probabilities[..., self.class_index])

    @property
    def whole(self) -> tuple[float, float, int]:
        """Return probability, activation and label without a square."""
        probabilities = self.whole_probabilities
        return float(probabilities[self.class_index]), self.whole_activation, int(probabilities.argmax())

    def of(self, class_index: int) -> Self:
        """Return the maps for another class, which costs nothing."""
        return replace(self, class_index=class_index)

    @property
    def visited(self) -> int:
        """Return at how many places the square has been."""
        return int((self.label >= 0).sum())

    @property
    def lowest(self) -> tuple[int, int]:
        """Return the (row, column) of the place where the class is least probable."""
        row, column = np.unravel_index(np.nanargmin(self.probability), self.probability.shape)
        return int(row), int(column)

    @property
    def labels(self) -> tuple[tuple[int, int], ...]:
        """Return every label with the number of its places: that of the whole picture, then the others by number."""
        found = dict(zip(*(part.tolist() for part in np.unique(self.label, return_counts=True)), strict=True))
        own = self.whole[2]
        others = sorted((index for index in found if index != own), key=lambda index: (-found[index], index))
        return ((own, found.get(own, 0)), *((index, found[index]) for index in others))

    def span(self, cell: int) -> tuple[int, int]:
        """Return the first and the last pixel that the square covers, along one axis."""
        return self.offsets[cell], self.offsets[cell] + self.square.size - 1

    def centre(self, cell: int) -> float:
        """Return the pixel index at the middle of the square, along one axis."""
        return self.offsets[cell] + (self.square.size - 1) / 2

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Return what the square covers as (top, left, bottom, right), half-open."""
        (top, bottom), (left, right) = self.span(row), self.span(column)
        return top, left, bottom + 1, right + 1


# Called after each step with the number of places visited, that of all places, and what returns the maps so far.
Progress = Callable[[int, int, Callable[[], OcclusionMaps]], None]


def _blurred(x: Tensor, size: int) -> Tensor:
    # Imported only where something is blurred: it takes two seconds and 150 MB.
    from torchvision.transforms.functional import gaussian_blur

    blurred: Tensor = gaussian_blur(x, [2 * (size // 2) + 1] * 2, [size / 4] * 2)
    return blurred


# What stands in the square, for the whole picture (1, 3, H, W) in normalised values.
FILLS: dict[str, Callable[[Tensor, Square, Normalise], Tensor]] = {
    "grey": lambda x, square, normalise: normalise(torch.full_like(x, _GREY)),
    "mean": lambda x, square, normalise: torch.zeros_like(x),
    "blur": lambda x, square, normalise: _blurred(x, square.size),
    "noise": lambda x, square, normalise: normalise(
        torch.rand(x.shape, generator=torch.Generator().manual_seed(square.seed)).to(x)
    ),
}


def occlusion(
    model: ZFNet,
    trace: Trace,
    class_index: int,
    normalise: Normalise,
    *,
    square: Square = Square(),
    head: str = "fc",
    resume: OcclusionMaps | None = None,
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> OcclusionMaps:
    """Cover a traced picture everywhere, and ask for one class and the strongest conv5 map.

    Args:
        model: the network of the trace.
        trace: of one picture.
        class_index: whose probability.
        normalise: from colours in [0, 1] to what the network reads.
        square: what covers the picture. It visits every stride, and last the far edge.
        head: which classifier answers, "fc" or "gap".
        resume: what ``progress`` handed out before a stop, for any class. The square goes on from there, and the maps
            are those of a run without a stop, to the last bit.
        slot: entered for every step, so that others' work can go in between.
        progress: called after every step.
        cancel: asked before every step.

    Raises:
        SelectionError: for a class, a head or a square that does not exist, or maps of another question to go on with.
        Cancelled: when ``cancel`` says so.
    """
    logits, side = trace.outputs[head_layer(trace, head)][0], model.config.input_size
    _check(model, class_index, square)
    offsets = square.offsets(side)
    conv5 = trace.activation("conv5")[0]
    channel = int(conv5.flatten(1).amax(1).argmax())
    shape = (len(offsets), len(offsets))
    probabilities = np.full((*shape, len(logits)), np.nan, np.float32)
    activation, label = np.full(shape, np.nan, np.float32), np.full(shape, -1)
    whole: dict[str, Any] = {
        "whole_probabilities": logits.softmax(0).cpu().numpy(),
        "whole_activation": float(conv5[channel].sum()),
    }
    maps = OcclusionMaps(
        class_index, head, Unit("conv5", channel), square, offsets, probabilities, activation, label, **whole
    )
    begun = _take_up(resume, maps) if resume else 0

    def so_far() -> OcclusionMaps:
        return replace(maps, probabilities=probabilities.copy(), activation=activation.copy(), label=label.copy())

    with slot():
        cover = FILLS[square.fill](trace.input, square, normalise)[0]
    places = list(product(range(len(offsets)), repeat=2))
    for start in range(begun, len(places), _BATCH):
        if cancel and cancel():
            raise Cancelled(f"stopped after {start} of {len(places)} places")
        batch = places[start : start + _BATCH]
        with slot():
            starts = [(offsets[row], offsets[column]) for row, column in batch]
            covers = [cover[:, top : top + square.size, left : left + square.size] for top, left in starts]
            answers, sums = _answer(model, trace, Patches(torch.stack(covers), starts), head=head, channel=channel)
            rows, columns = np.array(batch).T
            probabilities[rows, columns] = answers.softmax(1).cpu().numpy()
            label[rows, columns] = answers.argmax(1).cpu().numpy()
            activation[rows, columns] = sums.cpu().numpy()
        if progress:
            progress(start + len(batch), len(places), so_far)
    return so_far()


def covered(trace: Trace, square: Square, place: tuple[int, int], normalise: Normalise) -> Tensor:
    """Return a traced picture with the square on it, (1, 3, H, W) in normalised values.

    Args:
        trace: of one picture.
        square: what covers the picture; of a size and a fill that exist.
        place: the pixel at which the square begins, down and across.
        normalise: from colours in [0, 1] to what the network reads.
    """
    picture, (top, left) = trace.input.clone(), place
    inside = (..., slice(top, top + square.size), slice(left, left + square.size))
    picture[inside] = FILLS[square.fill](trace.input, square, normalise)[inside]
    return picture


def _answer(model: ZFNet, trace: Trace, patches: Patches, *, head: str, channel: int) -> tuple[Tensor, Tensor]:
    """Return the logits with each patch in the picture, (K, classes), and the sum of a conv5 map, (K,)."""
    reached = climb(model, trace, patches, "conv5" if head == "gap" else "pool5")
    new, maps = reached["conv5"], trace.activation("conv5")[0]
    old = torch.stack([maps[:, t : t + new.values.shape[2], n : n + new.values.shape[3]] for t, n in new.starts])
    sums = maps.sum((1, 2)) + (new.values - old).sum((2, 3))  # (K, C)
    if head == "gap":
        return model.head("gap", sums / maps[0].numel()), sums[:, channel]
    pooled = trace.outputs["pool5"][0]
    whole = reached["pool5"].laid_on(pooled, [(0, 0)] * len(new.starts), (pooled.shape[1], pooled.shape[2]))
    return model.head("fc", whole.flatten(1)), sums[:, channel]


def _take_up(old: OcclusionMaps, new: OcclusionMaps) -> int:
    """Write the whole steps of stopped maps into empty ones, and return how many places these are."""
    asked = [(maps.head, maps.unit, maps.square, maps.offsets) for maps in (old, new)]
    wholes = zip(old.of(new.class_index).whole, new.whole, strict=True)
    if asked[0] != asked[1] or not all(isclose(was, now, rel_tol=_SAME) for was, now in wholes):
        raise SelectionError("these maps are of another picture, head or square: begin without them")
    done = old.visited
    if (old.label.flat[:done] < 0).any():
        raise SelectionError("these maps have gaps: go on with what a stopped run has handed out")
    # A step is computed in one product: beginning where one began gives the same sums.
    done -= 0 if done == old.label.size else done % _BATCH
    for name in ("probabilities", "activation", "label"):
        was, now = getattr(old, name), getattr(new, name)
        count = done * was[0, 0].size
        now.flat[:count] = was.flat[:count]
    return done


def _check(model: ZFNet, class_index: int, square: Square) -> None:
    count, side = model.config.num_classes, model.config.input_size
    if not 0 <= class_index < count:
        raise SelectionError(f"there are {count} classes (0-{count - 1}), got {class_index}")
    if not 1 <= square.size < side:
        raise SelectionError(f"the square has 1 to {side - 1} pixels a side, got {square.size}")
    if square.stride < 1:
        raise SelectionError(f"the square moves by at least 1 pixel, got {square.stride}")
    if square.fill not in FILLS:
        raise SelectionError(f"the fills are {', '.join(FILLS)}, got {square.fill!r}")
