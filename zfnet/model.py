"""The whole network: ZFNet with a trace of every activation and one way back down.

Nothing is registered on the model. ``trace`` returns what a forward pass computed, and ``pullback`` walks down from any
layer to any lower one on that trace. Gradient, DeconvNet and guided backpropagation are the same walk; they differ only
in what happens to the signal c at a ReLU whose input was z:

    gradient    c · [z > 0]
    deconvnet   max(c, 0)
    guided      max(c, 0) · [z > 0]

References: Zeiler & Fergus 2013, section 2.1 (deconvnet); Springenberg et al. 2015, "Striving for Simplicity" (guided).

Differences from the paper: no contrast normalisation. The paper's pools overlap, and it does not say what unpooling
does where two windows chose the same cell: here their signals add, which is the exact adjoint of pooling (writing one
of them would lose the other, often the very activation that is projected).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zfnet.errors import SelectionError
from zfnet.geometry import (
    BELOW,
    CONVOLUTIONS,
    FULLY_CONNECTED,
    LAYERS,
    POOLINGS,
    RECTIFIED,
    TABLE,
    Convolution,
    Pooling,
    ZFNetConfig,
    shapes,
)

__all__ = ["LAYERS", "RULES", "FactoredLinear", "Trace", "ZFNet", "ZFNetConfig"]

# The signal c at a ReLU whose input was z.
RULES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "gradient": lambda c, z: c * (z > 0),
    "deconvnet": lambda c, z: c.clamp(min=0),
    "guided": lambda c, z: c.clamp(min=0) * (z > 0),
}


@dataclass(frozen=True, slots=True)
class Trace:
    """What one forward pass computed, for N pictures.

    ``outputs`` holds convolutions and fully connected layers before their ReLU, poolings as they are; ``switches``
    holds for each pooling the flat index of the cell that every window chose, in the map below.
    """

    input: Tensor  # (N, 3, 224, 224)
    outputs: Mapping[str, Tensor]  # conv1 (N, 96, 112, 112) ... fc8 (N, 1000), gap (N, 1000)
    switches: Mapping[str, Tensor]  # pool1 (N, 96, 56, 56) ...

    def activation(self, layer: str) -> Tensor:
        """Return a layer's values as the next layer reads them: after ReLU where it has one."""
        if layer == "input":
            return self.input
        return self.outputs[layer].relu() if layer in RECTIFIED else self.outputs[layer]

    @property
    def nbytes(self) -> int:
        """Return the memory that the trace holds."""
        return sum(t.nbytes for t in (self.input, *self.outputs.values(), *self.switches.values()))


class FactoredLinear(nn.Module):
    """A linear layer whose weight is ``left @ right``, evaluated without multiplying it out."""

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.empty(outputs, rank))
        self.right = nn.Parameter(torch.empty(rank, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    @property
    def weight(self) -> Tensor:
        """Return the full matrix, (outputs, inputs)."""
        return self.left @ self.right

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x @ weight.T + bias``."""
        return F.linear(F.linear(x, self.right), self.left, self.bias)

    def row(self, unit: int) -> Tensor:
        """Return the weights of one unit, (inputs,)."""
        return self.left[unit] @ self.right

    def transpose(self, c: Tensor) -> Tensor:
        """Return ``c @ weight``."""
        return c @ self.left @ self.right


class Linear(nn.Linear):
    """A linear layer with the same way down as its factored sibling."""

    def row(self, unit: int) -> Tensor:
        """Return the weights of one unit, (inputs,)."""
        return self.weight[unit]

    def transpose(self, c: Tensor) -> Tensor:
        """Return ``c @ weight``."""
        return c @ self.weight


class ZFNet(nn.Module):
    """ZFNet in any geometry, with parameters ``conv1.weight`` ... ``fc8.bias`` and, with ``gap``, a second classifier.

    Args:
        config: the shape.
        ranks: fully connected layers that are held as two factors, with their rank.
        gap: whether there is a linear head on the averaged conv5 maps (Zhou et al. 2016), which CAM needs.
    """

    def __init__(
        self, config: ZFNetConfig = TABLE, *, ranks: Mapping[str, int] | None = None, gap: bool = True
    ) -> None:
        super().__init__()
        self.config = config
        sizes, ranks = shapes(config), ranks or {}
        for name in CONVOLUTIONS:
            c: Convolution = getattr(config, name)
            below = sizes[BELOW[name]][0]
            self.add_module(name, nn.Conv2d(below, c.filters, c.kernel, c.stride, c.padding, groups=c.groups))
        for name in FULLY_CONNECTED:
            channels, height, width = sizes[BELOW[name]]
            arguments = channels * height * width, sizes[name][0]
            self.add_module(name, FactoredLinear(*arguments, ranks[name]) if name in ranks else Linear(*arguments))
        self.gap = Linear(sizes["conv5"][0], config.num_classes) if gap else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of the fully connected head, (N, classes)."""
        return self.trace(x).outputs["fc8"]

    def trace(self, x: Tensor, until: str | None = None) -> Trace:
        """Run the network once and keep everything.

        Args:
            x: normalised pictures, (N, 3, H, W); H = W = ``config.input_size`` unless the walk ends below fc6.
            until: the last layer that is wanted; all of them, and the ``gap`` head, by default.

        Raises:
            SelectionError: for a layer that does not exist.
        """
        if until is not None and until not in LAYERS:
            raise SelectionError(f"the layers are {', '.join(LAYERS)}, got {until!r}")
        outputs: dict[str, Tensor] = {}
        switches: dict[str, Tensor] = {}
        a = x
        for name in LAYERS:
            if name in POOLINGS:
                p: Pooling = getattr(self.config, name)
                a, switches[name] = F.max_pool2d(
                    a, p.kernel, p.stride, p.padding, ceil_mode=p.ceil, return_indices=True
                )
                outputs[name] = a
            else:
                outputs[name] = self.get_submodule(name)(a.flatten(1) if name == "fc6" else a)
                a = outputs[name].relu() if name in RECTIFIED else outputs[name]
            if name == until:
                return Trace(x, outputs, switches)
        if self.gap is not None:
            outputs["gap"] = self.gap(outputs["conv5"].relu().mean((2, 3)))
        return Trace(x, outputs, switches)

    def head(self, name: str, x: Tensor) -> Tensor:
        """Return the logits of a head, (N, classes), from what it reads.

        Args:
            name: "fc" or "gap".
            x: for "fc" the flat pool5 maps, for "gap" the averages of the conv5 maps after ReLU.
        """
        if name == "gap":
            return self.gap(x)  # type: ignore[misc, no-any-return]
        return self.fc8(self.fc7(self.fc6(x).relu()).relu())  # type: ignore[operator, no-any-return]

    def pullback(
        self, trace: Trace, layer: str, cotangent: Tensor, *, rule: str = "gradient", until: str = "input"
    ) -> Tensor:
        """Carry a signal from a layer down to a lower one.

        Args:
            trace: of N pictures, with N = 1 or N = K.
            layer: where the signal starts. It belongs to the layer's values after ReLU (for fc8 and gap: to the
                logits).
            cotangent: (K, C, H, W), or (K, C) for fc layers and heads. K signals on a trace of one picture share it.
            rule: "gradient", "deconvnet" or "guided"; used at every ReLU crossed, that of ``layer`` included and that
                of ``until`` not.
            until: where the signal ends, likewise after ReLU; "input" for the normalised pixels. At ``layer`` itself
                nothing is crossed, and the signal comes back as it is.

        Returns:
            The signal at ``until``, shaped as its values, with K in front.

        Raises:
            SelectionError: for an unknown rule, a layer that the trace does not hold, or when ``until`` does not lie
                below ``layer``.
        """
        if rule not in RULES:
            raise SelectionError(f"the rules at a ReLU are {', '.join(RULES)}, got {rule!r}")
        if layer not in trace.outputs:
            raise SelectionError(f"this trace holds {', '.join(trace.outputs)}, got {layer!r}")
        for name in self._path(layer, until):
            if name in RECTIFIED:
                cotangent = RULES[rule](cotangent, trace.outputs[name])
            cotangent = self._transpose(name, cotangent, trace)
        return cotangent

    def _path(self, layer: str, until: str) -> list[str]:
        """Return the layers to be crossed, from ``layer`` down to the one above ``until``."""
        path, name = [], layer
        while name != until:
            if name not in BELOW:
                raise SelectionError(f"there is no way down from {layer!r} to {until!r}")
            path.append(name)
            name = BELOW[name]
        return path

    def _transpose(self, name: str, c: Tensor, trace: Trace) -> Tensor:
        """Apply the adjoint of one layer, without bias and without ReLU."""
        below = trace.input if BELOW[name] == "input" else trace.outputs[BELOW[name]]
        if name in POOLINGS:
            return unpool(c, trace.switches[name], (below.shape[2], below.shape[3]))
        module = self.get_submodule(name)
        if isinstance(module, nn.Conv2d):
            layer: Convolution = getattr(self.config, name)
            # The stride loses rows at the far edge; asking for the size below brings them back (224, not 223).
            extra = [
                below.shape[axis] - ((c.shape[axis] - 1) * layer.stride - 2 * layer.padding + layer.kernel)
                for axis in (2, 3)
            ]
            return F.conv_transpose2d(c, module.weight, None, layer.stride, layer.padding, extra, layer.groups)
        c = module.transpose(c)  # type: ignore[operator]
        if name == "gap":
            return (c / (below.shape[2] * below.shape[3]))[:, :, None, None].expand(-1, -1, *below.shape[2:])
        return c.reshape(-1, *below.shape[1:])


def unpool(c: Tensor, switches: Tensor, size: tuple[int, int]) -> Tensor:
    """Put every value back where its window found the maximum; values that meet in one cell add up.

    Args:
        c: values, (K, C, h, w).
        switches: flat indices into a map of ``size``, (1 or K, C, h, w).
        size: height and width of the map below.

    Returns:
        (K, C, *size), zero where no window chose a cell.
    """
    flat = c.new_zeros(c.shape[0], c.shape[1], size[0] * size[1])
    return flat.scatter_add_(2, switches.expand_as(c).flatten(2), c.flatten(2)).view(*c.shape[:2], *size)
