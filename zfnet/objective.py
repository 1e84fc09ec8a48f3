"""What a picture is to drive: one cell of a map, a whole map, or a fully connected unit.

A cell sees its receptive field and nothing else, so its canvas is that field, cut at the picture's edges. Padding is
then done only where the field reaches over an edge, and the value is exactly the one that the cell has in a picture of
the full size. A whole map counts by its mean and takes a canvas of any size. Fully connected units need the last
pooling at its own size; on a smaller canvas it is stretched to that.

    drive = mean ReLU(z)    over the unit's cells z, or the mean of z itself as long as none is above zero

so that a silent unit has a gradient to follow; a negative drive is the mean of -z. The logits have no ReLU; a class
counts by its logit less the mean of all logits, because what all have in common is no part of the answer and, in the
embedded checkpoint, so strong that the plain logit is highest for a picture that silences fc7. Work stops at the unit's
layer, and of the last convolution or classifier only the units asked for are computed.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zfnet.classification import HEADS
from zfnet.geometry import (
    BELOW,
    FULLY_CONNECTED,
    POOLINGS,
    RECTIFIED,
    SPATIAL,
    Convolution,
    Pooling,
    ZFNetConfig,
    receptive_field,
    shapes,
)
from zfnet.model import FactoredLinear, ZFNet
from zfnet.parametrisation import Size
from zfnet.unit import Unit

# Left, right, top, bottom, as ``torch.nn.functional.pad`` takes them.
_Pads = tuple[int, int, int, int]


def canvas(config: ZFNetConfig, unit: Unit, size: int) -> Size:
    """Return the height and width of the picture that a unit takes, where ``size`` is the side of a whole map's."""
    if unit.position:
        top, left, bottom, right = receptive_field(config, unit.layer).box(*unit.position, config.input_size)
        return bottom - top, right - left
    side = size if unit.layer in (*SPATIAL, "gap") else config.input_size
    return side, side


class Objective:
    """Units of one layer and at one position, to be driven by a picture each.

    Args:
        model: the network.
        units: N of them.
        centred: of a class, take the logit less the mean of all logits.
        negative: what silences the units, instead of what drives them.
    """

    def __init__(self, model: ZFNet, units: Sequence[Unit], *, centred: bool = True, negative: bool = False) -> None:
        self._model, self.layer, self._negative = model, units[0].layer, negative
        channels = [unit.channel for unit in units]
        position = units[0].position
        self._pads = _pads(model.config, self.layer, position) if position else {}
        # The last layer that mixes channels: poolings pass them on.
        self._last = BELOW[self.layer] if self.layer in POOLINGS else self.layer
        self._each = torch.arange(len(units))
        module = model.get_submodule(self._last)
        whole = isinstance(module, FactoredLinear) or (isinstance(module, nn.Conv2d) and module.groups > 1)
        self._own = torch.tensor(channels) if whole else self._each
        # Convolutions read their weights faster in this order, by a fifth for a batch.
        self._held = {
            name: (module.weight.contiguous(memory_format=torch.channels_last), module.bias)
            for name, module in model.named_children()
            if isinstance(module, nn.Conv2d)
        }
        if not whole:
            self._held[self._last] = self._narrowed(module, channels, centred)

    def cells(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Look at pictures.

        Args:
            x: normalised pictures (N, 3, H, W), as large as the units' canvas.

        Returns:
            Each unit's cells on its own picture, before ReLU, (N, cells), one for all but whole maps; and the values
            that its layer reads, (N, C, ...).
        """
        if self.layer in SPATIAL:
            maps, reads = self._up(x, self.layer)
            return maps[self._each, self._own].flatten(1), reads
        if self.layer == "gap":
            hidden = self._up(x, "conv5")[0].relu().mean((2, 3))
            return self._linear("gap", hidden)[self._each, self._own][:, None], hidden
        maps, whole = self._up(x, "pool5")[0], shapes(self._model.config)["pool5"][1:]
        if maps.shape[2:] != whole:
            maps = F.interpolate(maps, whole, mode="bilinear", align_corners=False)
        hidden = maps.flatten(1)
        for name in FULLY_CONNECTED[: FULLY_CONNECTED.index(self.layer) + 1]:
            reads = hidden.relu()  # Poolings are never below zero.
            hidden = self._linear(name, reads)
        return hidden[self._each, self._own][:, None], reads

    def drive(self, cells: Tensor) -> Tensor:
        """Return what each unit counts for, (N,), from its cells before ReLU, (N, cells)."""
        before = cells.mean(1)
        if self._negative:
            return -before
        if self.layer not in RECTIFIED:
            return before
        return torch.where((cells > 0).any(1), cells.relu().mean(1), before)

    def silent(self, cells: Tensor) -> Tensor:
        """Return which units say nothing, (N,): those with a ReLU and no cell above zero."""
        return (cells <= 0).all(1) & (self.layer in RECTIFIED)

    def _up(self, x: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """Return a layer's maps before its ReLU, and the maps that its last convolution reads."""
        for name in SPATIAL[: SPATIAL.index(layer) + 1]:
            step: Convolution | Pooling = getattr(self._model.config, name)
            padding = step.padding
            if self._pads:
                x, padding = F.pad(x, self._pads[name]), 0
            if isinstance(step, Pooling):
                x = F.max_pool2d(x, step.kernel, step.stride, padding, ceil_mode=step.ceil)
            else:
                reads = x
                x = F.conv2d(x, *self._held[name], step.stride, padding, 1, step.groups)
                x = x if name == layer else x.relu()
        return x, reads

    def _linear(self, name: str, x: Tensor) -> Tensor:
        if name in self._held:
            return F.linear(x, *self._held[name])
        return self._model.get_submodule(name)(x)  # type: ignore[no-any-return]

    def _narrowed(self, module: nn.Module, channels: Sequence[int], centred: bool) -> tuple[Tensor, Tensor]:
        """Return what the units asked for have of a layer's weight and bias."""
        weight: Tensor = module.weight  # type: ignore[assignment]
        bias: Tensor = module.bias  # type: ignore[assignment]
        if centred and self.layer in HEADS.values():
            return weight[channels] - weight.mean(0), bias[channels] - bias.mean()
        return weight[channels], bias[channels]


def _pads(config: ZFNetConfig, layer: str, position: tuple[int, int]) -> dict[str, _Pads]:
    """Return by how much each layer pads the cells that ``position`` sees: only beyond the edges of its map."""
    sizes, pads = shapes(config), {}
    spans = [(cell, cell + 1) for cell in position]  # Rows, then columns.
    for name in reversed(SPATIAL[: SPATIAL.index(layer) + 1]):
        step: Convolution | Pooling = getattr(config, name)
        whole = sizes[BELOW[name]][1]
        reads = [(a * step.stride - step.padding, (b - 1) * step.stride - step.padding + step.kernel) for a, b in spans]
        (top, bottom), (left, right) = ((max(-a, 0), max(b - whole, 0)) for a, b in reads)
        pads[name] = (left, right, top, bottom)
        spans = [(max(a, 0), min(b, whole)) for a, b in reads]
    return pads
