"""The way down made visible: what a DeconvNet projection looks like after each of its operations.

From the layer of a unit down to the pixels, the signal is unpooled, rectified and filtered again and again
(``zfnet.deconvnet``). Its strength in a cell is the root mean square over channels.

Reference: Zeiler & Fergus 2013, figure 1. Differences from the paper: as in ``zfnet.deconvnet``.
"""

from dataclasses import dataclass, field

import numpy as np

from zfnet.geometry import BELOW, SPATIAL
from zfnet.model import Trace, ZFNet
from zfnet.unit import Unit
from zfnet.window import Step, Window, descend_cells


@dataclass(frozen=True, slots=True)
class Stage:
    """One operation: ``layer`` is what it crosses; ``strength``, float32 (H, W), is what it leaves at ``at``."""

    operation: str
    layer: str
    at: str
    channels: int
    strength: np.ndarray = field(repr=False)


@dataclass(frozen=True, slots=True)
class Switches:
    """How one channel is unpooled: the one that carries most of the signal.

    ``pooled`` (h, w) is the channel's map after pooling, ``below`` (H, W) before; ``cells`` int (h, w, 2) the (row,
    column) in ``below`` that each window chose; ``signal`` (h, w) what arrives from above and is put there.
    """

    layer: str
    channel: int
    pooled: np.ndarray = field(repr=False)
    below: np.ndarray = field(repr=False)
    cells: np.ndarray = field(repr=False)
    signal: np.ndarray = field(repr=False)


@dataclass(frozen=True, slots=True)
class Descent:
    """All operations from a unit to the pixels, in order, and the switches of every pooling on the way.

    ``unit`` carries its cell, ``seed`` is the activation there; a silent unit has neither stages nor switches.
    """

    unit: Unit
    seed: float
    stages: tuple[Stage, ...]
    switches: tuple[Switches, ...]


def descent(model: ZFNet, trace: Trace, unit: Unit) -> Descent:
    """Follow one activation down to the pixels of a traced picture.

    Args:
        model: the network of the trace.
        trace: of one picture.
        unit: at conv1 ... pool5. Without a position its strongest cell is followed.

    Raises:
        SelectionError: for a unit that the network does not have.
    """
    unit.check(model.config, SPATIAL)
    activation = trace.activation(unit.layer)
    unit = unit.at_strongest(activation[0, unit.channel].cpu().numpy())
    row, column = unit.position or (0, 0)
    seed = activation[0, unit.channel, row, column]
    if seed <= 0:
        return Descent(unit, 0.0, (), ())
    stages, switches = [], []
    signal = Window(activation.new_zeros(activation.shape[1], 1, 1), row, column)
    signal.values[unit.channel] = seed
    cells = [(unit.channel, row, column)]
    for step in descend_cells(model, trace, unit.layer, cells, seeds=seed[None], rule="deconvnet"):
        if step.operation == "unpool":
            switches.append(_switches(trace, step.layer, signal))
        (signal,) = step.windows
        stages.append(_stage(trace, step, signal))
    return Descent(unit, float(seed), tuple(stages), tuple(switches))


def _stage(trace: Trace, step: Step, signal: Window) -> Stage:
    at = step.layer if step.operation == "rectify" else BELOW[step.layer]
    size = (trace.input if at == "input" else trace.outputs[at]).shape[2:]
    strength = Window(signal.values.square().mean(0, keepdim=True).sqrt(), signal.top, signal.left)
    return Stage(step.operation, step.layer, at, len(signal.values), strength.placed(size)[0].cpu().numpy())


def _switches(trace: Trace, pool: str, signal: Window) -> Switches:
    """Describe the unpooling of a signal through its strongest channel."""
    channel = int(signal.values.square().sum((1, 2)).argmax())
    pooled, below = trace.outputs[pool][0, channel], trace.activation(BELOW[pool])[0, channel]
    arriving = Window(signal.values[channel : channel + 1], signal.top, signal.left).placed(pooled.shape)[0]
    flat = trace.switches[pool][0, channel].cpu().numpy()
    return Switches(
        layer=pool,
        channel=channel,
        pooled=pooled.cpu().numpy().copy(),
        below=below.cpu().numpy().copy(),
        cells=np.stack(np.divmod(flat, below.shape[1]), -1),
        signal=arriving.cpu().numpy(),
    )
