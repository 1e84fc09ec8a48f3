"""The way down from single cells, each inside the window that it can reach.

A signal that starts in one cell stays in the cell's receptive field. Going down one layer with kernel k, stride s and
padding p, a window of n cells that starts at cell t becomes

    n <- (n - 1) s + k,   t <- t s - p        (then cut at the edges of the map)

and inside of it everything happens as in ``ZFNet.pullback``: the same rule at a ReLU, the same unpooling, the same
filters. All that is left out is zero: a cell of conv3 reaches 75 by 75 of 224 by 224 pixels, one of conv5 139 by 139.

Reference: Zeiler & Fergus 2013, section 2.1.

Differences from the paper: those of ``zfnet.model``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.errors import SelectionError
from zfnet.geometry import BELOW, POOLINGS, SPATIAL, Convolution, Pooling
from zfnet.model import RULES, Trace, ZFNet, unpool


@dataclass(frozen=True, slots=True)
class Window:
    """A signal on a part of a layer's maps: ``values`` (C, h, w), the first of them at row ``top``, column ``left``."""

    values: Tensor
    top: int
    left: int

    def view(self, maps: Tensor) -> Tensor:
        """Return what whole maps (C, H, W) hold in this place, (C, h, w)."""
        height, width = self.values.shape[1:]
        return maps[:, self.top : self.top + height, self.left : self.left + width]

    def placed(self, size: tuple[int, ...]) -> Tensor:
        """Return whole maps of a size, (C, *size), that are zero outside of the window."""
        maps = self.values.new_zeros(self.values.shape[0], *size)
        self.view(maps)[:] = self.values
        return maps

    def picture(self, size: int) -> np.ndarray:
        """Return the whole picture, (size, size, 3), of a window on it."""
        return np.ascontiguousarray(self.placed((size, size)).permute(1, 2, 0).cpu().numpy())

    def below(self, layer: Convolution | Pooling) -> tuple[int, int, int, int]:
        """Return (top, left, height, width) of what this window reads through a layer, cells in the padding too."""
        height, width = ((n - 1) * layer.stride + layer.kernel for n in self.values.shape[1:])
        return self.top * layer.stride - layer.padding, self.left * layer.stride - layer.padding, height, width


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on the way down: ``rectify`` in a layer, ``unpool`` or ``filter`` through it to the one below.

    ``windows`` are what it leaves, one for each signal.
    """

    layer: str
    operation: str
    windows: list[Window]


def pullback_cells(
    model: ZFNet,
    trace: Trace,
    layer: str,
    cells: Sequence[tuple[int, int, int]],
    *,
    seeds: Tensor,
    rule: str,
    until: str = "input",
    kept: Mapping[str, Tensor] | None = None,
) -> list[Window]:
    """Carry signals from single cells of a layer to the pixels, as ``ZFNet.pullback`` does from whole maps.

    Args:
        model: the network of the trace.
        trace: of one picture.
        layer: where the signals start, after ReLU: conv1 ... pool5.
        cells: the (channel, row, column) of each signal, at least one.
        seeds: the signals, (K,).
        rule: "gradient", "deconvnet" or "guided"; used at every ReLU crossed, that of ``layer`` included.
        until: where the signals end, likewise after ReLU, below ``layer``; "input" for the pixels.
        kept: for every pooling, which windows give their signal back, bool (C, h, w); by default all of them.

    Returns:
        K windows on ``until``, by default on the picture: (3, h, w) each. Outside of its window a signal is zero.

    Raises:
        SelectionError: for an unknown rule, a layer whose cells have no window, or when ``until`` does not lie below.
    """
    windows: list[Window] = []
    for step in descend_cells(model, trace, layer, cells, seeds=seeds, rule=rule, until=until, kept=kept):
        windows = step.windows
    return windows


def descend_cells(
    model: ZFNet,
    trace: Trace,
    layer: str,
    cells: Sequence[tuple[int, int, int]],
    *,
    seeds: Tensor,
    rule: str,
    until: str = "input",
    kept: Mapping[str, Tensor] | None = None,
) -> Iterator[Step]:
    """Go the way of ``pullback_cells`` step by step; the last one leaves the windows that it returns."""
    if rule not in RULES:
        raise SelectionError(f"the rules at a ReLU are {', '.join(RULES)}, got {rule!r}")
    if layer not in SPATIAL:
        raise SelectionError(f"windows start in cells of {', '.join(SPATIAL)}, got {layer!r}")
    if until not in ("input", *SPATIAL[: SPATIAL.index(layer)]):
        raise SelectionError(f"there is no way down from {layer!r} to {until!r}")
    if layer in POOLINGS:
        if kept:
            seeds = seeds * torch.stack([kept[layer][cell] for cell in cells])
        # The whole signal goes to the one cell that was chosen, whose own window is smaller.
        switches, width, pool = trace.switches[layer][0], trace.outputs[BELOW[layer]].shape[3], layer
        cells, layer = [(cell[0], *divmod(int(switches[cell]), width)) for cell in cells], BELOW[layer]
        windows = _start(trace.outputs[layer][0], cells, seeds)
        yield Step(pool, "unpool", windows)
    else:
        windows = _start(trace.outputs[layer][0], cells, seeds)
    lowest = 0 if until == "input" else SPATIAL.index(until) + 1
    for name in reversed(SPATIAL[lowest : SPATIAL.index(layer) + 1]):
        maps = (trace.input if BELOW[name] == "input" else trace.outputs[BELOW[name]])[0]  # (C, H, W)
        if name in POOLINGS:
            pooling: Pooling = getattr(model.config, name)
            if kept:
                windows = [replace(window, values=window.values * window.view(kept[name])) for window in windows]
            windows = [_unpool(window, pooling, trace.switches[name][0], maps) for window in windows]
            yield Step(name, "unpool", windows)
        else:
            convolution: Convolution = getattr(model.config, name)
            windows = [
                Window(RULES[rule](window.values, window.view(trace.outputs[name][0])), window.top, window.left)
                for window in windows
            ]
            yield Step(name, "rectify", windows)
            filtered = _filter([w.values for w in windows], convolution, model.get_parameter(f"{name}.weight"))
            windows = [_cut(v, w.below(convolution), maps) for v, w in zip(filtered, windows, strict=True)]
            yield Step(name, "filter", windows)


def _start(maps: Tensor, cells: Sequence[tuple[int, int, int]], seeds: Tensor) -> list[Window]:
    """Return windows of one cell, (C, 1, 1), that hold a seed in one channel."""
    values = seeds.new_zeros(len(cells), maps.shape[0], 1, 1)
    for signal, seed, (channel, _, _) in zip(values, seeds, cells, strict=True):
        signal[channel] = seed
    return [Window(signal, row, column) for signal, (_, row, column) in zip(values, cells, strict=True)]


def _unpool(window: Window, layer: Pooling, switches: Tensor, maps: Tensor) -> Window:
    """Unpool (C, h, w) with the switches of the whole maps, (C, H, W); ``maps`` are those of the layer below."""
    top, left, height, width = window.below(layer)
    whole, switches = maps.shape[2], window.view(switches)
    # From flat indices into the map below to flat indices into the window below, whose rows are shorter.
    inside = switches - switches // whole * (whole - width) - (top * width + left)
    values = unpool(window.values[None], inside[None], (height, width))[0]
    return _cut(values, (top, left, height, width), maps)


def _filter(signals: list[Tensor], layer: Convolution, weight: Tensor) -> Sequence[Tensor]:
    """Filter K signals (C, h, w) with the transposed filters; windows that an edge has cut may end in zeros."""
    if weight.shape[1] == 3 and layer.groups == 1:
        # conv_transpose2d is made for many maps; down to three colours this takes half of its time.
        return [_product(signal, layer, weight) for signal in signals]
    height, width = (max(signal.shape[axis] for signal in signals) for axis in (1, 2))
    padded = [F.pad(signal, (0, width - signal.shape[2], 0, height - signal.shape[1])) for signal in signals]
    return F.conv_transpose2d(torch.stack(padded), weight, None, layer.stride, groups=layer.groups).unbind()


def _product(signal: Tensor, layer: Convolution, weight: Tensor) -> Tensor:
    """Filter (C, h, w) with the transposed filters: a product with all of them, whose patches are added up."""
    height, width = ((n - 1) * layer.stride + layer.kernel for n in signal.shape[1:])
    return F.fold(weight.flatten(1).T @ signal.flatten(1), (height, width), layer.kernel, stride=layer.stride)


def _cut(values: Tensor, box: tuple[int, int, int, int], maps: Tensor) -> Window:
    """Return the part of ``values`` that lies on the maps: nothing goes further down from the padding."""
    (top, left, _, _), (height, width) = box, maps.shape[1:]
    on_maps = values[:, max(-top, 0) : height - top, max(-left, 0) : width - left]
    return Window(on_maps, max(top, 0), max(left, 0))
