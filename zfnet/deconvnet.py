"""DeconvNet: project the activation of one unit back to the pixels that caused it.

All other activations of the unit's layer are set to zero; then, layer by layer down to the pixels: unpool with the
switches that this picture set, rectify, filter with the transposed filters. No biases, no rectification after the last
filter, so pixels may be negative. All of it inside the window that the unit's cell can reach (``zfnet.window``).

Reference: Zeiler & Fergus 2013, section 2.1.

Differences from the paper: where two overlapping pooling windows chose the same cell, unpooling adds their signals (the
paper does not say what happens there; see ``zfnet.model``). There is no contrast normalisation to undo.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from zfnet.errors import SelectionError
from zfnet.geometry import SPATIAL, receptive_field
from zfnet.model import Trace, ZFNet
from zfnet.unit import Unit
from zfnet.window import pullback_cells

# The widest windows on the way down hold 2 MB a unit, and two of them are alive at once.
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Projection:
    """A unit's activation, carried down to the picture.

    ``unit`` carries the cell that was projected, as does ``position`` (row, column); both are without one when the unit
    is silent on this picture. ``activation`` is the seed; ``box`` the cell's receptive field (top, left, bottom,
    right), half-open and clipped to the picture; ``pixels`` float32 (224, 224, 3), signed, in normalised input units,
    zero outside of the box.
    """

    unit: Unit
    position: tuple[int, int] | None
    activation: float
    box: tuple[int, int, int, int]
    pixels: np.ndarray = field(repr=False)


def deconvnet(
    model: ZFNet, trace: Trace, units: list[Unit], *, whole_map: bool = False, activation: float | None = None
) -> tuple[Projection, ...]:
    """Project units to the pixels of a traced picture.

    Args:
        model: the network of the trace.
        trace: of one picture.
        units: at conv1 ... pool5. Without a position a unit's strongest cell is projected, as in the paper.
        whole_map: project all cells of each unit's map together instead, which the paper does not do. ``position`` is
            then None, ``activation`` the sum of the map, and ``box`` the whole picture.
        activation: start with this value instead of each cell's own. A projection grows with its start and keeps its
            structure, so that a cell can be projected that is silent itself.

    Returns:
        One projection for each unit, in the order given.

    Raises:
        SelectionError: for a unit that the network does not have, or an ``activation`` for whole maps.
    """
    if not whole_map:
        return project_cells(model, trace, units, activation=activation)
    if activation is not None:
        raise SelectionError("a whole map starts with its own values; leave out whole_map or the activation")
    return tuple(_project_map(model, trace, unit.check(model.config, SPATIAL)) for unit in units)


def project_cells(
    model: ZFNet,
    trace: Trace,
    units: list[Unit],
    *,
    activation: float | None = None,
    kept: Mapping[str, Tensor] | None = None,
) -> tuple[Projection, ...]:
    """Project single cells as ``deconvnet`` does; ``kept`` is that of ``pullback_cells``."""
    for unit in units:
        unit.check(model.config, SPATIAL)
    projections: list[Projection] = []
    for layer, group in groupby(units, key=lambda unit: unit.layer):
        same, maps = list(group), trace.activation(layer)[0].cpu()  # (C, H, W)
        placed = [unit.at_strongest(maps[unit.channel].numpy()) for unit in same]
        for start in range(0, len(same), _BATCH):
            batch = placed[start : start + _BATCH]
            own = [float(maps[unit.channel][unit.position]) if unit.position else 0.0 for unit in batch]
            values = own if activation is None else [activation if unit.position else 0.0 for unit in batch]
            projections += _project(model, trace, batch, values=values, kept=kept)
    return tuple(projections)


def _project(
    model: ZFNet, trace: Trace, placed: list[Unit], *, values: list[float], kept: Mapping[str, Tensor] | None
) -> list[Projection]:
    """Project units of one layer, each with its cell, from given values in one walk down."""
    # A unit without a position is silent: zero in its first cell as in all others.
    cells = [(unit.channel, *(unit.position or (0, 0))) for unit in placed]
    seeds = trace.input.new_tensor(values)
    layer, size = placed[0].layer, model.config.input_size
    windows = pullback_cells(model, trace, layer, cells, seeds=seeds, rule="deconvnet", kept=kept)
    seen = receptive_field(model.config, layer)
    return [
        Projection(
            unit=unit,
            position=unit.position,
            activation=seed,
            box=seen.box(*unit.position, size) if unit.position else (0, 0, 0, 0),
            pixels=window.picture(size),
        )
        for unit, seed, window in zip(placed, seeds.tolist(), windows, strict=True)
    ]


def _project_map(model: ZFNet, trace: Trace, unit: Unit) -> Projection:
    """Project all cells of a map together."""
    activation, size = trace.activation(unit.layer)[:1], model.config.input_size
    seed = torch.zeros_like(activation)
    seed[:, unit.channel] = activation[:, unit.channel]
    pixels = model.pullback(trace, unit.layer, seed, rule="deconvnet")[0].permute(1, 2, 0)  # (224, 224, 3)
    return Projection(
        unit=Unit(unit.layer, unit.channel),
        position=None,
        activation=float(seed.sum()),
        box=(0, 0, size, size),
        pixels=np.ascontiguousarray(pixels.cpu().numpy()),
    )
