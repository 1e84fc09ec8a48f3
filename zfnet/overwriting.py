"""A DeconvNet that unpools by overwriting: what common code does, to be compared with adding, and how much it loses.

Overlapping pooling windows can choose the same cell. ``torch.nn.MaxUnpool2d`` and its like then write one value over
the other instead of adding them. Here the last window in row order wins (torch leaves open which one does). That is
unpooling by adding after everything has been dropped that other windows would write over:

    overwritten(c) = added(c · w),   w = 1 for a window that is the last to choose its cell, else 0

A window without a signal wins as well and writes its zero: where the seed is dropped, the whole projection is blank.

Reference: Zeiler & Fergus 2013, section 2.1, which does not say what happens where windows overlap.

Differences from ``zfnet.deconvnet``: only this one.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from zfnet.deconvnet import Projection, project_cells
from zfnet.errors import Cancelled, SelectionError
from zfnet.geometry import POOLINGS, SPATIAL
from zfnet.model import Trace, ZFNet
from zfnet.sharing import Cancel
from zfnet.unit import Unit
from zfnet.window import pullback_cells

# Windows end before the first pooling is undone: 0.4 MB a unit.
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Lost:
    """How many of a layer's channels respond to a picture, and the projections of how many overwriting leaves blank."""

    layer: str
    live: int
    blank: int

    @property
    def share(self) -> float:
        """Return the share of the live channels whose projection is blank; 0 where none is live."""
        return self.blank / self.live if self.live else 0.0


def overwriting(model: ZFNet, trace: Trace, units: list[Unit]) -> tuple[Projection, ...]:
    """Project units to the pixels of a traced picture as ``deconvnet`` does, but unpool by overwriting.

    Args:
        model: the network of the trace.
        trace: of one picture.
        units: at conv1 ... pool5, without a position at their strongest cells.

    Returns:
        One projection for each unit, in the order given; ``pixels`` are zero where the seed is lost.

    Raises:
        SelectionError: for a unit that the network does not have.
    """
    return project_cells(model, trace, units, kept=_survivors(trace))


def lost(
    model: ZFNet,
    trace: Trace,
    layer: str,
    *,
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    cancel: Cancel | None = None,
) -> Lost:
    """Count the channels whose strongest cell leaves nothing on the picture when unpooling overwrites.

    A projection is blank when nothing above zero reaches the filters of conv1; the last filter itself is not computed.

    Args:
        model: the network of the trace.
        trace: of one picture.
        layer: conv1 ... pool5.
        slot: held for sixteen channels at a time.
        cancel: asked before each of these.

    Raises:
        SelectionError: for another layer.
        Cancelled: when ``cancel`` says so.
    """
    if layer not in SPATIAL:
        raise SelectionError(f"this works on the layers {', '.join(SPATIAL)}, got {layer!r}")
    maps = trace.activation(layer)[0].cpu().numpy()  # (C, H, W)
    strongest = (Unit(layer, channel).at_strongest(values).position for channel, values in enumerate(maps))
    cells = [(channel, *position) for channel, position in enumerate(strongest) if position]
    kept = _survivors(trace)
    going = [cell for cell in cells if layer not in POOLINGS or kept[layer][cell]]
    if layer in ("conv1", "pool1"):
        return Lost(layer, len(cells), len(cells) - len(going))
    arrived = 0
    for start in range(0, len(going), _BATCH):
        if cancel and cancel():
            raise Cancelled(f"stopped after {start} of {len(going)} channels")
        with slot():
            arrived += _arriving(model, trace, layer, cells=going[start : start + _BATCH], kept=kept)
    return Lost(layer, len(cells), len(cells) - arrived)


def _arriving(
    model: ZFNet, trace: Trace, layer: str, *, cells: list[tuple[int, int, int]], kept: dict[str, Tensor]
) -> int:
    """Return of how many cells something above zero comes through pool1."""
    seeds = trace.input.new_ones(len(cells))
    windows = pullback_cells(model, trace, layer, cells, seeds=seeds, rule="deconvnet", until="pool1", kept=kept)
    return sum(bool((window.values * window.view(kept["pool1"])).max() > 0) for window in windows)


def _survivors(trace: Trace) -> dict[str, Tensor]:
    """Return for each pooling of one picture which windows are the last to choose their cell, bool (C, h, w)."""
    return {name: last_to_choose(switches)[0] for name, switches in trace.switches.items()}


def last_to_choose(switches: Tensor) -> Tensor:
    """Return which windows are, in row order, the last of those that chose the same cell: bool (N, C, h, w)."""
    chosen = switches.flatten(2)  # (N, C, h w)
    order = torch.arange(chosen.shape[2], device=chosen.device).expand_as(chosen)
    last = chosen.new_zeros(*chosen.shape[:2], int(chosen.max()) + 1).scatter_reduce_(2, chosen, order, "amax")
    return (last.gather(2, chosen) == order).view_as(switches)
