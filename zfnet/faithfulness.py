"""Insertion and deletion: does a map name the pixels that the answer depends on?

The picture is divided into squares, which are ranked by the map's mean in them. **Deletion** replaces them by a fill,
the most important first, and follows the probability of the class: the sooner it falls, the better. **Insertion**
starts with nothing but the fill and brings the squares back in the same order: the sooner it rises, the better. Each
curve's area is the mean of its probabilities, by the trapezoid rule.

Reference: Petsiuk, Das & Saenko 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models", section 4.

Differences from the paper: squares of ``_SIDE`` pixels instead of single pixels, and one fill for both curves (the
paper deletes to grey and inserts from a blur), so that both begin and end with the same two pictures.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from zfnet.classification import head_layer
from zfnet.errors import Cancelled, SelectionError
from zfnet.model import Trace, ZFNet
from zfnet.occlusion import FILLS, Normalise, Square

_SIDE = 8
_BATCH = 15


@dataclass(frozen=True, slots=True)
class Curves:
    """The probability of a class, float32 (steps + 1,), while squares go away and while they come back."""

    class_index: int
    head: str
    fill: str
    deletion: np.ndarray = field(repr=False)
    insertion: np.ndarray = field(repr=False)

    @property
    def areas(self) -> tuple[float, float]:
        """Return the area under the deletion curve and under the insertion curve, each in [0, 1]."""
        deleted, inserted = (float(np.trapezoid(c, dx=1 / (len(c) - 1))) for c in (self.deletion, self.insertion))
        return deleted, inserted


def insertion_deletion(
    model: ZFNet,
    trace: Trace,
    importance: np.ndarray,
    class_index: int,
    *,
    normalise: Normalise,
    steps: int = 28,
    fill: str = "blur",
    head: str = "fc",
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    cancel: Callable[[], bool] | None = None,
) -> Curves:
    """Take the squares of a traced picture away by falling importance, and bring them back in the same order.

    Args:
        model: the network of the trace.
        trace: of one picture.
        importance: a map on the picture, (H, W); equal squares go in row order.
        class_index: whose probability is followed.
        normalise: from colours in [0, 1] to what the network reads.
        steps: in how many equal steps all squares go.
        fill: what stands in their place, of ``zfnet.occlusion.FILLS``.
        head: which classifier answers, "fc" or "gap".
        slot: entered for every few pictures, so that others' work can go in between.
        cancel: asked before each of these.

    Raises:
        SelectionError: for a class, a head, a fill, a map or a number of steps that does not fit.
        Cancelled: when ``cancel`` says so.
    """
    layer, count = head_layer(trace, head), model.config.num_classes
    if not 0 <= class_index < count:
        raise SelectionError(f"there are {count} classes (0-{count - 1}), got {class_index}")
    if fill not in FILLS:
        raise SelectionError(f"the fills are {', '.join(FILLS)}, got {fill!r}")
    x, size = trace.input, tuple(trace.input.shape[2:])
    if importance.shape != size:
        raise SelectionError(f"the map needs the picture's size {size}, got {importance.shape}")
    if not 1 <= steps <= (size[0] // _SIDE) * (size[1] // _SIDE):
        raise SelectionError(f"there are 1 to {(size[0] // _SIDE) * (size[1] // _SIDE)} steps, got {steps}")
    with slot():
        cover = FILLS[fill](x, Square(), normalise)
        kept = _masks(importance, steps).to(x)  # (steps + 1, 1, H, W)
    probabilities = []
    # Deletion keeps what the masks keep, insertion the rest.
    for masks in (kept, 1 - kept):
        curve = []
        for start in range(0, len(masks), _BATCH):
            if cancel and cancel():
                raise Cancelled("stopped between two steps of the curves")
            with slot():
                mask = masks[start : start + _BATCH]
                logits = model.trace(mask * x + (1 - mask) * cover).outputs[layer]
                curve.append(logits.softmax(1)[:, class_index])
        probabilities.append(torch.cat(curve).cpu().numpy())
    return Curves(class_index, head, fill, *probabilities)


def random_map(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Return a map that knows nothing, (H, W): what any explanation has to beat."""
    return np.random.default_rng(seed).random(size, np.float32)


def edge_map(trace: Trace) -> np.ndarray:
    """Return how much neighbouring pixels of a traced picture differ, (H, W): a map that knows no network."""
    x = trace.input[0].mean(0).cpu().numpy()
    return np.asarray(np.hypot(*np.gradient(x)), np.float32)


def _masks(importance: np.ndarray, steps: int) -> torch.Tensor:
    """Return what is kept after every step, from everything to nothing: float (steps + 1, 1, H, W) of 0 and 1."""
    values = torch.from_numpy(importance.astype(np.float64))[None, None]
    squares = F.avg_pool2d(values, _SIDE, ceil_mode=True)[0, 0]
    order = squares.flatten().argsort(descending=True, stable=True)
    rank = torch.empty_like(order).index_put_((order,), torch.arange(len(order))).view_as(squares)
    gone = torch.linspace(0, len(order), steps + 1, dtype=torch.float64).round().long()
    kept = (rank[None] >= gone[:, None, None]).float()
    whole = kept.repeat_interleave(_SIDE, 1).repeat_interleave(_SIDE, 2)
    return whole[:, None, : importance.shape[0], : importance.shape[1]]
