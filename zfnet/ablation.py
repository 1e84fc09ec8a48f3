"""The network above a layer, run on what is left when maps are taken away; Ablation-CAM and knock-out share it.

What comes back is what the last layer of a head reads, r(A'): fc7 after ReLU, or for "gap" the averages of the conv5
maps. The logits are that layer of it, and how far a score falls is a product with the layer's rows, without its bias.

Any layer's maps can be run through the layers above. In conv5 and pool5 that is not needed: a map that is zero in conv5
is zero after pooling, too, and what fc6 reads is a sum over the channels,

    z = b + Σ_k W_k pool5_k        z without k = z - W_k pool5_k

one part a channel, made once, to be taken from z.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.geometry import LAYERS, Convolution, Pooling
from zfnet.model import FactoredLinear, Trace, ZFNet

# Where a map is taken away by its part in fc6 or in the average.
BY_PARTS = ("conv5", "pool5")
# Removals at once: a row of fc6 each by parts, else a pass through the layers above.
_ROWS, _MAPS = 256, 8

# What the last layer reads, (K, features), without the channels removed already and without each of K others.
Without = Callable[[Sequence[int], Sequence[int]], Tensor]


def live(trace: Trace, layer: str) -> list[int]:
    """Return the channels that say anything; to take away the others changes nothing."""
    found: list[int] = trace.activation(layer)[0].flatten(1).amax(1).cpu().numpy().nonzero()[0].tolist()
    return found


def batches(layer: str, channels: Sequence[int]) -> list[Sequence[int]]:
    """Return channels in as many at once as their layer's removal allows."""
    size = _ROWS if layer in BY_PARTS else _MAPS
    return [channels[start : start + size] for start in range(0, len(channels), size)]


def without(model: ZFNet, trace: Trace, layer: str, head: str) -> Without:
    """Return what removes channels of a layer, conv1 ... pool5 ("gap": ... conv5)."""
    if head == "gap" and layer == "conv5":
        return _from_averages(trace)
    return _from_parts(model, trace) if layer in BY_PARTS else _from_maps(model, trace, layer, head)


def _from_averages(trace: Trace) -> Without:
    averages = trace.activation("conv5").mean((2, 3))  # (1, C)

    def left(removed: Sequence[int], batch: Sequence[int]) -> Tensor:
        kept = averages.repeat(len(batch), 1)
        kept[:, removed] = 0
        kept[range(len(batch)), batch] = 0
        return kept

    return left


def _from_parts(model: ZFNet, trace: Trace) -> Without:
    """Return what removes channels of pool5, or of conv5, by the part that each has in fc6."""
    pooled, fc6, whole = trace.outputs["pool5"][0].flatten(1), model.get_submodule("fc6"), trace.outputs["fc6"][0]
    weight: Tensor = fc6.right if isinstance(fc6, FactoredLinear) else fc6.weight  # type: ignore[assignment]
    parts = torch.einsum("ocs,cs->co", weight.view(-1, *pooled.shape), pooled)  # (C, rank or outputs)
    if isinstance(fc6, FactoredLinear):
        parts = parts @ fc6.left.T

    def left(removed: Sequence[int], batch: Sequence[int]) -> Tensor:
        hidden = (whole - parts[removed].sum(0) - parts[batch]).relu()  # (K, outputs)
        return model.get_submodule("fc7")(hidden).relu()  # type: ignore[no-any-return]

    return left


def _from_maps(model: ZFNet, trace: Trace, layer: str, head: str) -> Without:
    """Return what removes channels of any layer, by running the layers above on what is left."""
    maps = trace.activation(layer)

    def left(removed: Sequence[int], batch: Sequence[int]) -> Tensor:
        kept = maps.repeat(len(batch), 1, 1, 1)
        kept[:, removed] = 0
        kept[range(len(batch)), batch] = 0
        return read(model, layer, kept, head=head)

    return left


def read(
    model: ZFNet, layer: str, values: Tensor, *, head: str, change: Callable[[str, Tensor], Tensor] | None = None
) -> Tensor:
    """Return what the last layer of a head reads, (K, features), when a layer's values after ReLU are these.

    Args:
        model: the network.
        layer: "input", or conv1 ... fc7 ("gap": ... conv5).
        values: (K, C, H, W), in fully connected layers (K, features).
        head: "fc" or "gap".
        change: what becomes of the values of each layer after ``layer`` on the way up, by its name.
    """
    below = LAYERS[: LAYERS.index("conv5" if head == "gap" else "fc7") + 1]
    start = 0 if layer == "input" else below.index(layer) + 1
    for name in below[start:]:
        shape = getattr(model.config, name)
        if isinstance(shape, Pooling):
            values = F.max_pool2d(values, shape.kernel, shape.stride, shape.padding, ceil_mode=shape.ceil)
        elif isinstance(shape, Convolution):
            values = model.get_submodule(name)(values).relu()
        else:
            values = model.get_submodule(name)(values.flatten(1)).relu()
        values = change(name, values) if change else values
    return values.mean((2, 3)) if head == "gap" else values.flatten(1)
