"""The way up from a changed patch: only what the patch can reach is computed anew, the rest is taken from the trace.

An interval [a, b) of cells that have changed reaches, through a layer with kernel k, stride s and padding p, the cells

    ceil((a + p - k + 1) / s) ... floor((b - 1 + p) / s)        (cut at the edges of the map)

of the layer above. A square of 32 pixels changes a thirtieth of conv1 and half of conv5: a quarter of the arithmetic of
a forward pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.geometry import BELOW, RECTIFIED, SPATIAL, Convolution, Pooling
from zfnet.model import Trace, ZFNet


@dataclass(frozen=True, slots=True)
class Patches:
    """K equal windows of a layer's values after ReLU, (K, C, h, w), each with the (row, column) of its first cell."""

    values: Tensor
    starts: Sequence[tuple[int, int]]

    def laid_on(self, maps: Tensor, starts: Sequence[tuple[int, int]], size: tuple[int, int]) -> Tensor:
        """Return windows of whole maps (C, H, W), (K, C, *size) from ``starts`` on, in which these patches are laid."""
        cut = torch.stack([maps[:, row : row + size[0], column : column + size[1]] for row, column in starts])
        height, width = self.values.shape[2:]
        for window, patch, (row, column), (top, left) in zip(cut, self.values, starts, self.starts, strict=True):
            rows, columns = _overlap(row, size[0], top, height), _overlap(column, size[1], left, width)
            inside = patch[:, rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]
            window[:, rows[0] - row : rows[1] - row, columns[0] - column : columns[1] - column] = inside
        return cut


def climb(model: ZFNet, trace: Trace, patches: Patches, until: str = "pool5") -> dict[str, Patches]:
    """Carry changed patches of the picture up, each as if it were the only one.

    Args:
        model: the network of the trace.
        trace: of one picture.
        patches: what replaces the picture's normalised values.
        until: conv1 ... pool5.

    Returns:
        For every layer up to ``until``, the windows that can have changed. All of a layer have one size; cells at their
        edges may be unchanged.
    """
    reached: dict[str, Patches] = {}
    for name in SPATIAL[: SPATIAL.index(until) + 1]:
        layer: Convolution | Pooling = getattr(model.config, name)
        below = trace.activation(BELOW[name])[0]  # (C, H, W)
        height, width = trace.outputs[name].shape[2:]
        rows, tall = _reached([row for row, _ in patches.starts], patches.values.shape[2], layer, height)
        columns, wide = _reached([column for _, column in patches.starts], patches.values.shape[3], layer, width)
        # In the padded map below, the cells that a window reads begin at its own start times the stride. Zeros do for
        # poolings, too: what they choose from is never below zero.
        edge = layer.padding
        behind = [
            (n - 1) * layer.stride + layer.kernel - edge - size
            for n, size in ((height, below.shape[1]), (width, below.shape[2]))
        ]
        padded = F.pad(below, (edge, max(behind[1], 0), edge, max(behind[0], 0)))
        moved = Patches(patches.values, [(row + edge, column + edge) for row, column in patches.starts])
        reads = [(row * layer.stride, column * layer.stride) for row, column in zip(rows, columns, strict=True)]
        size = ((tall - 1) * layer.stride + layer.kernel, (wide - 1) * layer.stride + layer.kernel)
        read = moved.laid_on(padded, reads, size)
        if isinstance(layer, Pooling):
            values = F.max_pool2d(read, layer.kernel, layer.stride)
        else:
            module = model.get_submodule(name)
            values = F.conv2d(read, module.weight, module.bias, layer.stride, groups=layer.groups)  # type: ignore[arg-type]
        if name in RECTIFIED:
            values = values.relu()
        patches = reached[name] = Patches(values, list(zip(rows, columns, strict=True)))
    return reached


def _reached(starts: Sequence[int], length: int, layer: Convolution | Pooling, count: int) -> tuple[list[int], int]:
    """Return where the cells that intervals of ``length`` reach begin, along one axis of ``count``, and how many."""
    first = [max(-((layer.kernel - 1 - layer.padding - a) // layer.stride), 0) for a in starts]
    last = [min((a + length - 1 + layer.padding) // layer.stride, count - 1) for a in starts]
    # A window that a pooling or the edge leaves out reaches nothing; one cell is then computed in vain.
    longest = max(1, *(b - a + 1 for a, b in zip(first, last, strict=True)))
    return [min(a, count - longest) for a in first], longest


def _overlap(start: int, length: int, other: int, other_length: int) -> tuple[int, int]:
    low, high = max(start, other), min(start + length, other + other_length)
    return low, max(low, high)
