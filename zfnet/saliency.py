"""Saliency: how much each pixel moves a unit, by the gradient or by guided backpropagation.

The way down is that of the DeconvNet; only what happens at a ReLU differs (``zfnet.model.RULES``). The signal starts
with 1 at the unit's value, so that the plain gradient is ∂(value)/∂(pixel).

References: Simonyan et al. 2014, "Deep Inside Convolutional Networks" (gradient); Springenberg et al. 2015, "Striving
for Simplicity" (guided backpropagation).

Differences from the papers: none; nothing is made absolute or summed over colours.
"""

from dataclasses import dataclass, field

import numpy as np

from zfnet.classification import HEADS
from zfnet.errors import SelectionError
from zfnet.model import Trace, ZFNet
from zfnet.unit import Unit
from zfnet.window import Window, pullback_cells

METHODS = ("gradient", "guided")


@dataclass(frozen=True, slots=True)
class Saliency:
    """What moves a unit: ``pixels`` float32 (224, 224, 3), signed, for each of the normalised input values.

    ``unit`` carries the cell, except in fully connected layers and where it is silent: then ``pixels`` are zero.
    """

    unit: Unit
    method: str
    pixels: np.ndarray = field(repr=False)


def saliency(model: ZFNet, trace: Trace, unit: Unit, *, method: str = "gradient", centred: bool = False) -> Saliency:
    """Carry a unit down to the pixels of a traced picture.

    Args:
        model: the network of the trace.
        trace: of one picture.
        unit: at conv1 ... fc8, or ``gap:207`` for a class of the averaging head. Without a position its strongest cell
            is taken.
        method: "gradient" or "guided".
        centred: of a class (fc8 or gap), take the logit less the mean of all logits; see ``zfnet.cam``.

    Raises:
        SelectionError: for a unit or a method that does not exist.
    """
    if method not in METHODS:
        raise SelectionError(f"the methods are {', '.join(METHODS)}, got {method!r}")
    unit.check(model.config, tuple(trace.outputs))
    check_centred(unit, centred=centred)
    value, size = trace.activation(unit.layer)[0], model.config.input_size
    if value.ndim == 1:
        signal = value.new_zeros(1, len(value))
        signal[0, unit.channel] = 1
        if centred:
            signal -= 1 / len(value)
        carried = model.pullback(trace, unit.layer, signal, rule=method)[0]
        return Saliency(unit, method, Window(carried, 0, 0).picture(size))
    unit = unit.at_strongest(value[unit.channel].cpu().numpy())
    if unit.position is None:
        return Saliency(unit, method, Window(value.new_zeros(3, 0, 0), 0, 0).picture(size))
    cells = [(unit.channel, *unit.position)]
    (window,) = pullback_cells(model, trace, unit.layer, cells, seeds=value.new_ones(1), rule=method)
    return Saliency(unit, method, window.picture(size))


def check_centred(unit: Unit, *, centred: bool) -> None:
    """Raise SelectionError where anything but a class is to be centred."""
    if centred and unit.layer not in HEADS.values():
        raise SelectionError(f"only a class's logit can be centred ({', '.join(HEADS.values())}), got {unit.layer!r}")
