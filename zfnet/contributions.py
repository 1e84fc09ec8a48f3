"""The arithmetic of one value: what every channel below contributes to it.

A unit's value before ReLU is a sum over the channels i of the layer below,

    z = Σ_i Σ_uv patch_i[u, v] · kernel_i[u, v] + bias

with the patch that the unit sees in map i and its kernel for that map. A fully connected layer is a convolution whose
kernel covers the whole map below (7×7 for fc6, 1×1 for fc7 and fc8). Max-pooling fits in with a kernel that is one at
the switch and zero elsewhere.

Reference: Zeiler & Fergus 2013, section 2. Differences from the paper: none.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.geometry import BELOW, LAYERS, RECTIFIED, Convolution, Pooling
from zfnet.model import Trace, ZFNet
from zfnet.unit import Unit


@dataclass(frozen=True, slots=True)
class Term:
    """What one channel of the layer below gives: the sum of ``patch`` times ``kernel``, both float32 (k, k).

    Beyond the border of the map below, the patch is zero, as the layer's padding is.
    """

    channel: int
    patch: np.ndarray = field(repr=False)
    kernel: np.ndarray = field(repr=False)
    value: float


@dataclass(frozen=True, slots=True)
class Contributions:
    """The parts of one value: ``before`` is the sum of all ``terms``, of ``rest`` and of ``bias``.

    ``unit`` carries the cell, except in fully connected layers. ``terms`` are the strongest, by falling magnitude;
    ``rest`` is what the other ``others`` channels give together; ``after`` is the value that the next layer reads.
    ``padding``, bool (k, k), tells which cells of every patch lie beyond the border of the map below.
    """

    unit: Unit
    below: str
    terms: tuple[Term, ...]
    rest: float
    others: int
    bias: float
    before: float
    after: float
    padding: np.ndarray = field(repr=False)


def contributions(model: ZFNet, trace: Trace, unit: Unit, *, top: int = 3) -> Contributions:
    """Take the value of one unit apart.

    Args:
        model: the network of the trace.
        trace: of one picture.
        unit: of any layer. Without a position its strongest cell is taken; where the unit is silent, the cell that
            comes nearest to answering.
        top: how many channels to show one by one.

    Raises:
        SelectionError: for a unit that the network does not have.
    """
    unit.check(model.config, LAYERS)
    name, below = unit.layer, BELOW[unit.layer]
    value = trace.outputs[name][0, unit.channel]
    if value.ndim:
        unit = unit.at_strongest(trace.activation(name)[0, unit.channel].cpu().numpy())
        row, column = unit.position or divmod(int(value.argmax()), value.shape[1])
        unit = Unit(name, unit.channel, (row, column))
        value = value[row, column]
    first, patches, kernels, bias = _parts(model, trace, unit)
    sums = (patches * kernels).sum((1, 2))  # (C,)
    order = sums.abs().argsort(descending=True, stable=True)[:top].tolist()
    terms = tuple(
        Term(first + i, patches[i].cpu().numpy().copy(), kernels[i].cpu().numpy().copy(), float(sums[i])) for i in order
    )
    before = float(value)
    return Contributions(
        unit=unit,
        below=below,
        terms=terms,
        rest=before - bias - sum(term.value for term in terms),
        others=len(sums) - len(terms),
        bias=bias,
        before=before,
        after=max(before, 0.0) if name in RECTIFIED else before,
        padding=_padding(model, trace, unit, patches),
    )


def _parts(model: ZFNet, trace: Trace, unit: Unit) -> tuple[int, Tensor, Tensor, float]:
    """Return the first channel that is read, the patches and kernels of all that are, (C, k, k) each, and the bias."""
    name, channel = unit.layer, unit.channel
    maps = trace.activation(BELOW[name])[0]
    layer = getattr(model.config, name, None)
    if isinstance(layer, Pooling):
        row, column = unit.position or (0, 0)
        patch = _patch(maps[channel : channel + 1], layer, row, column)
        chosen = int(trace.switches[name][0, channel, row, column])
        v, u = divmod(chosen, maps.shape[2])
        kernel = torch.zeros_like(patch)
        kernel[0, v - row * layer.stride + layer.padding, u - column * layer.stride + layer.padding] = 1
        return channel, patch, kernel, 0.0
    module = model.get_submodule(name)
    bias = float(module.bias[channel])  # type: ignore[index]
    if isinstance(layer, Convolution):
        kernels: Tensor = module.weight[channel]  # type: ignore[index]
        first = channel // (layer.filters // layer.groups) * len(kernels)
        row, column = unit.position or (0, 0)
        return first, _patch(maps[first : first + len(kernels)], layer, row, column), kernels, bias
    patches = maps if maps.ndim == 3 else maps[:, None, None]
    weights = module.row(channel)  # type: ignore[operator]
    return 0, patches, weights.view_as(patches), bias


def _padding(model: ZFNet, trace: Trace, unit: Unit, patches: Tensor) -> np.ndarray:
    layer = getattr(model.config, unit.layer, None)
    if not isinstance(layer, (Convolution, Pooling)):
        return np.zeros(patches.shape[1:], bool)
    inside = torch.ones_like(trace.activation(BELOW[unit.layer])[0, :1])
    row, column = unit.position or (0, 0)
    return np.asarray(_patch(inside, layer, row, column)[0].cpu().numpy() == 0)


def _patch(maps: Tensor, layer: Convolution | Pooling, row: int, column: int) -> Tensor:
    """Cut out of maps (C, H, W) what the cell at (row, column) of the layer above sees, (C, k, k)."""
    top, left, k = row * layer.stride - layer.padding, column * layer.stride - layer.padding, layer.kernel
    height, width = maps.shape[1:]
    # Padding that is negative would cut; a window that reaches over the edge is filled up with zeros.
    cut = maps[:, max(top, 0) : min(top + k, height), max(left, 0) : min(left + k, width)]
    edges = (max(-left, 0), max(left + k - width, 0), max(-top, 0), max(top + k - height, 0))
    return F.pad(cut, edges)
