"""Finding bad filters: channels that never or always answer, filters that are alike, filters that alias.

Over all cells of all pictures, with z a channel's values before its ReLU, w a filter (channels, k, k) and s the stride
of its layer,

    dead             z > 0 in no cell
    always on        z > 0 in more than 99 % of the cells
    near-duplicate   <v, w> / (|v| |w|) > 0.95 for another filter v of the same layer and group
    aliased          1 - E(w, s) / |w|² > 1/2

E is the energy of a filter below the Nyquist limit of its stride, |f| <= 1/(2s) cycles per cell on both axes, summed
over its input channels: what a zero-padded FFT sums up as its padding grows, in closed form,

    E(w, s) = Σ_c ∫∫ |Σ_ij w_cij exp(-2πi (f i + g j))|² df dg = Σ_c <w_c, S w_c S>
    S_ij = sin(π(i - j)/s) / (π(i - j)),   S_ii = 1/s

For s = 1 it is all of |w|² (Parseval). The mean stays in: it is part of what the filter lets through, at frequency
zero. Only layers whose stride is above 1 throw cells away and can alias: conv1 and conv2. For conv1 the share beyond
the limit of stride 4 is told as well.

Reference: Zeiler & Fergus 2013, section 4.1 and figure 6: dead filters and a mix of very high and low frequencies in
the first layer of AlexNet, aliasing in its second from the stride of 4 in its first; hence ZFNet's 7×7, stride 2.

Differences from the paper: it looked, and gives no measure; every threshold here is ours. Its aliasing artefacts are
seen in what conv2 learnt on top of conv1's stride; here each filter is measured against its own layer's stride, as if
all frequencies came in equally strong. A filter's bias has no part in likeness and aliasing.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from zfnet.errors import Cancelled, SelectionError
from zfnet.filters import filters
from zfnet.geometry import ALEXNET, CONVOLUTIONS, RECTIFIED, Convolution, ZFNetConfig, shapes
from zfnet.model import ZFNet
from zfnet.sharing import Cancel

# A ReLU that lets everything through is no ReLU any more. Not 100 %: padding holds back a few cells at the border.
ALWAYS_ON = 0.99
# 18 degrees apart: in tens of dimensions, two unrelated filters come nowhere near.
DUPLICATE = 0.95
# More is folded onto wrong frequencies than is kept at right ones.
ALIASED = 0.5
# The first layer's stride that the paper found too coarse.
COARSE_STRIDE = ALEXNET.conv1.stride

# Called after every picture with the number of pictures done.
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two filters of a layer, by channel, the lower one first, and the cosine between their weights."""

    first: int
    second: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Aliasing:
    """Which share of each filter's energy lies beyond the Nyquist limit of a stride, float64 (C,), in [0, 1].

    A filter without any weight has none.
    """

    stride: int
    beyond: np.ndarray = field(repr=False)

    @property
    def aliased(self) -> tuple[int, ...]:
        """Return the channels with more energy beyond the limit than below."""
        return _where(self.beyond > ALIASED)


@dataclass(frozen=True, slots=True)
class LayerAudit:
    """What was found in one layer over a number of pictures.

    ``active`` is the share of each channel's cells above zero, float64 (C,); ``pairs`` are the near-duplicates, most
    alike first, None for fully connected layers; ``aliasing`` is None where the stride is 1; ``coarse`` is that of
    conv1 at ``COARSE_STRIDE``, None elsewhere.
    """

    layer: str
    pictures: int
    active: np.ndarray = field(repr=False)
    pairs: tuple[Pair, ...] | None
    aliasing: Aliasing | None
    coarse: Aliasing | None

    @property
    def channels(self) -> int:
        """Return how many channels the layer has."""
        return len(self.active)

    def flagged(self, flag: str) -> tuple[int, ...] | None:
        """Return the channels under a flag of ``FLAGS``, None where it has no meaning.

        They stand in rising order, near-duplicates so that what is most alike stands together.

        Raises:
            SelectionError: for a flag that does not exist.
        """
        if flag not in FLAGS:
            raise SelectionError(f"the flags are {', '.join(FLAGS)}, got {flag!r}")
        return FLAGS[flag](self)


FLAGS: dict[str, Callable[[LayerAudit], tuple[int, ...] | None]] = {
    "dead": lambda found: _where(found.active == 0),
    "always_on": lambda found: _where(found.active > ALWAYS_ON),
    "duplicate": lambda found: None if found.pairs is None else _members(found.pairs),
    "aliased": lambda found: None if found.aliasing is None else found.aliasing.aliased,
}


def audit(
    model: ZFNet,
    inputs: Iterable[Tensor],
    *,
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> tuple[LayerAudit, ...]:
    """Look for bad filters in conv1 to conv5, fc6 and fc7.

    Args:
        model: the network.
        inputs: normalised pictures, (1, 3, 224, 224) each, taken one at a time; nothing of one is kept but counts.
        slot: entered for every single picture, so that others' work can go in between.
        progress: called after every picture.
        cancel: asked before every picture.

    Raises:
        SelectionError: when there is no picture.
        Cancelled: when ``cancel`` says so.
    """
    sizes, done = shapes(model.config), 0
    above = {layer: np.zeros(sizes[layer][0], np.int64) for layer in RECTIFIED}
    for x in inputs:
        if cancel and cancel():
            raise Cancelled(f"stopped after {done} pictures")
        with slot():
            for layer, count in _above_zero(model, x).items():
                above[layer] += count
        done += 1
        if progress:
            progress(done)
    if not done:
        raise SelectionError("an audit needs at least one picture, got none")
    with slot():
        weights = {layer: filters(model, layer).astype(float) for layer in CONVOLUTIONS}
    shares = {layer: above[layer] / (done * sizes[layer][1] * sizes[layer][2]) for layer in RECTIFIED}
    return tuple(LayerAudit(layer, done, shares[layer], *_judged(model.config, layer, weights)) for layer in RECTIFIED)


def near_duplicates(weights: np.ndarray, groups: int = 1) -> tuple[Pair, ...]:
    """Return the pairs of filters whose cosine is above ``DUPLICATE``, most alike first.

    Args:
        weights: (C, channels, k, k). A filter without any weight is like no other.
        groups: filters of different groups look at different channels and are not compared.
    """
    flat = weights.reshape(groups, len(weights) // groups, -1)  # (groups, n, channels · k · k)
    lengths = np.linalg.norm(flat, axis=2, keepdims=True)
    unit = flat / np.where(lengths > 0, lengths, 1)
    cosines = np.triu(unit @ unit.transpose(0, 2, 1), 1)  # (groups, n, n)
    start = flat.shape[1]
    found = [
        Pair(int(g * start + i), int(g * start + j), float(cosines[g, i, j]))
        for g, i, j in np.argwhere(cosines > DUPLICATE)
    ]
    return tuple(sorted(found, key=lambda pair: -pair.cosine))


def aliasing(weights: np.ndarray, stride: int) -> Aliasing:
    """Return which share of the energy of filters (C, channels, k, k) a stride folds onto wrong frequencies."""
    places = np.arange(weights.shape[-1])
    kernel = np.sinc((places[:, None] - places) / stride) / stride  # S, (k, k)
    below = (weights * (kernel @ weights @ kernel)).sum((1, 2, 3))
    energy = (weights**2).sum((1, 2, 3))
    kept = np.divide(below, energy, out=np.ones_like(energy), where=energy > 0)
    return Aliasing(stride, (1 - kept).clip(0, 1))


def _above_zero(model: ZFNet, x: Tensor) -> dict[str, np.ndarray]:
    """Return for each audited layer how many cells of every channel are above zero on one picture, int (C,)."""
    outputs = model.trace(x, RECTIFIED[-1]).outputs
    # A fully connected unit has one cell.
    return {layer: (outputs[layer].unsqueeze(2).flatten(2)[0] > 0).sum(1).cpu().numpy() for layer in RECTIFIED}


def _judged(
    config: ZFNetConfig, layer: str, weights: Mapping[str, np.ndarray]
) -> tuple[tuple[Pair, ...] | None, Aliasing | None, Aliasing | None]:
    """Return what a layer's weights tell without any picture: pairs, aliasing, and that of conv1 at a coarse stride."""
    if layer not in weights:
        return None, None, None
    convolution: Convolution = getattr(config, layer)
    return (
        near_duplicates(weights[layer], convolution.groups),
        aliasing(weights[layer], convolution.stride) if convolution.stride > 1 else None,
        aliasing(weights[layer], COARSE_STRIDE) if layer == CONVOLUTIONS[0] else None,
    )


def _where(flags: np.ndarray) -> tuple[int, ...]:
    return tuple(np.flatnonzero(flags).tolist())


def _members(pairs: tuple[Pair, ...]) -> tuple[int, ...]:
    """Return every channel of some pairs once, in the order of the pairs."""
    return tuple(dict.fromkeys(channel for pair in pairs for channel in (pair.first, pair.second)))
