"""Stride and aliasing: what is left of a pattern when the first layer answers only at every s-th pixel.

A convolution with stride s is the convolution with stride 1 of which every s-th row and column is kept: the answer is
sampled. A filter changes how strong a sinusoidal grating is and where its crests lie, never its frequency; so a
frequency in a map that is not in the picture comes from sampling. How it comes about is in ``aliasing.py``.

Reference: Zeiler & Fergus 2013, section 4.1 and figure 6: the large stride of Krizhevsky's first layer causes aliasing
in the second; stride 2 retains much more information.

Differences from the paper: it shows learnt features of two networks, here one filter is sampled in several ways. Its
answers are taken without bias, which moves no frequency, and before ReLU, which would add frequencies of its own.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.aliasing import Apparent, apparent_frequency, fold, ripple, share_above_nyquist, wave
from zfnet.errors import SelectionError
from zfnet.images import VIEW_SIDE
from zfnet.model import ZFNet

STRIDES = (1, 2, 4)
# What became of a grating in a map.
VERDICTS = ("kept", "false", "gone", "silent")
# The strongest filter is looked for in the middle: some 32 answers in a row.
_PATCH = 38
# Below this share of the stride-1 contrast a map is flat to the eye.
_FLAT = 0.1
# How far a measured frequency may lie from the true one, in cycles over the whole map.
_TOLERANCE = 1.0


@dataclass(frozen=True, slots=True)
class Sampling:
    """A filter's answers at one stride.

    ``shown`` is the strongest frequency that they show. ``folded`` is the share of the stride-1 answers' energy, in
    [0, 1], that lies above this stride's limit and lands on wrong frequencies.
    """

    stride: int
    values: np.ndarray = field(repr=False)  # (H, W)
    shown: Apparent
    folded: float

    @property
    def limit(self) -> float:
        """Return the Nyquist limit, in cycles per pixel along rows and along columns."""
        return 1 / (2 * self.stride)


@dataclass(frozen=True, slots=True)
class StrideLab:
    """The same picture and the same filter at several strides, the first of them 1."""

    channel: int
    samplings: tuple[Sampling, ...]

    def verdicts(self, period: float, orientation: float) -> tuple[str, ...]:
        """Return for each stride, one of ``VERDICTS``, what became of the grating that was the picture.

        "kept": its frequency is in the map. "false": another one is. "gone": the map is flat, although stride 1 shows
        the grating. "silent": stride 1 does not show it either, for the filter does not answer it.
        """
        true = wave(period, orientation)
        first = self.samplings[0]
        if not _same(true, first):
            return ("silent",) * len(self.samplings)
        return tuple(
            "gone" if s.shown.contrast < _FLAT * first.shown.contrast else "kept" if _same(true, s) else "false"
            for s in self.samplings
        )


@dataclass(frozen=True, slots=True)
class FoldBack:
    """What maps of gratings show, against what the gratings are: cycles per pixel, both (N,); NaN for a flat map."""

    stride: int
    frequencies: np.ndarray = field(repr=False)
    shown: np.ndarray = field(repr=False)


def filter_answers(model: ZFNet, x: Tensor, channel: int, stride: int) -> np.ndarray:
    """Return what a filter of conv1 answers at a stride, without bias and before ReLU, float (H, W).

    The kernel and the padding are the network's own: at its own stride these are its conv1 values less the bias.

    Args:
        model: the network.
        x: one normalised picture, (1, 3, H, W).
        channel: of conv1.
        stride: 1 or more.

    Raises:
        SelectionError: for a channel that does not exist, or a stride that is no step.
    """
    count = model.config.conv1.filters
    if not 0 <= channel < count:
        raise SelectionError(f"conv1 has {count} channels (0-{count - 1}), got {channel}")
    if stride < 1:
        raise SelectionError(f"a stride is 1 or more, got {stride}")
    weight = model.get_submodule("conv1").get_parameter("weight")[channel : channel + 1]  # (1, 3, k, k)
    return np.asarray(F.conv2d(x, weight, None, stride, model.config.conv1.padding)[0, 0].cpu().numpy())


def strongest_filters(model: ZFNet, x: Tensor) -> list[int]:
    """Return for each picture, (N, 3, H, W), the channel of conv1 that varies most over its middle."""
    top, left = (max(0, (side - _PATCH) // 2) for side in x.shape[2:])
    patch = x[:, :, top : top + _PATCH, left : left + _PATCH]
    answers = F.conv2d(patch, model.get_submodule("conv1").get_parameter("weight"))  # (N, 96, 32, 32)
    return [int(channel) for channel in answers.std((2, 3)).argmax(1)]


def stride_lab(model: ZFNet, x: Tensor, channel: int | None = None, strides: Sequence[int] = STRIDES) -> StrideLab:
    """Apply one filter of conv1 at several strides.

    Args:
        model: the network.
        x: one normalised picture, (1, 3, H, W).
        channel: of conv1; by default the one that varies most over the middle of the picture.
        strides: in this order; 1 is put in front where it does not stand there.

    Raises:
        SelectionError: for a channel that does not exist, or a stride that is no step.
    """
    channel = strongest_filters(model, x)[0] if channel is None else channel
    strides = strides if tuple(strides[:1]) == (1,) else (1, *strides)
    every = filter_answers(model, x, channel, 1)
    samplings = []
    for stride, values in zip(strides, _sampled(every, strides), strict=True):
        folded = share_above_nyquist(every, stride)
        samplings.append(Sampling(stride, values, apparent_frequency(values, stride), folded))
    return StrideLab(channel, tuple(samplings))


def fold_back(
    model: ZFNet,
    periods: Sequence[float],
    orientation: float,
    normalise: Callable[[Tensor], Tensor],
    *,
    strides: Sequence[int] = STRIDES,
) -> tuple[FoldBack, ...]:
    """Measure which frequency maps of gratings show, for each grating by the filter that answers it most.

    Args:
        model: the network.
        periods: of the gratings, in pixels.
        orientation: of the gratings, see :func:`wave`.
        normalise: turns pixels in [0, 1], (N, 3, H, W), into what the network takes.
        strides: each makes a curve.
    """
    weight = model.get_submodule("conv1").get_parameter("weight")
    drawn = np.stack([ripple(period, orientation, 0.0, VIEW_SIDE) for period in periods])
    grey = torch.from_numpy(drawn[:, None]).to(weight).expand(-1, 3, -1, -1)  # (N, 3, 224, 224)
    x, count = normalise(grey), len(periods)
    # Each grating by a filter of its own, in one call: as one picture of 3 N channels in N groups.
    own, padding = weight[strongest_filters(model, x)], model.config.conv1.padding
    answers = F.conv2d(x.reshape(1, 3 * count, *x.shape[2:]), own, None, 1, padding, groups=count)[0].cpu().numpy()
    shown = []
    for every in answers:
        found = [apparent_frequency(m, s) for m, s in zip(_sampled(every, strides), strides, strict=True)]
        flat = _FLAT * apparent_frequency(every, 1).contrast
        shown.append([f.frequency if f.contrast >= flat else math.nan for f in found])
    frequencies = 1 / np.array(periods)
    return tuple(FoldBack(s, frequencies, line) for s, line in zip(strides, np.array(shown).T, strict=True))


def _sampled(every: np.ndarray, strides: Sequence[int]) -> list[np.ndarray]:
    """Return what :func:`filter_answers` gives at each stride, from what it gives at stride 1: every s-th value."""
    if min(strides) < 1:
        raise SelectionError(f"a stride is 1 or more, got {min(strides)}")
    return [every[::stride, ::stride].copy() for stride in strides]


def _same(true: tuple[float, float], sampling: Sampling) -> bool:
    """Return whether a sampling shows a frequency as it is, as far as its map can tell."""
    tolerances = [_TOLERANCE / (side * sampling.stride) for side in sampling.values.shape]
    if not sampling.shown.contrast or any(
        abs(f) > sampling.limit + tolerance for f, tolerance in zip(true, tolerances, strict=True)
    ):
        return False
    measured = sampling.shown.vertical, sampling.shown.horizontal
    # A wave has two signs; and at the limit itself, both ends of the spectrum are one.
    return any(
        all(
            abs(fold(sign * m - t, sampling.stride)) <= tolerance
            for m, t, tolerance in zip(measured, true, tolerances, strict=True)
        )
        for sign in (1, -1)
    )
