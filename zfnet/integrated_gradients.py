"""Integrated gradients: how much of a unit's value each pixel accounts for, on the way from a blank picture.

    pixels = (X - B) · mean over i of ∂F/∂X at B + α_i (X - B),        α_i = (i + ½) / steps,  i = 0 ... steps - 1

B is the baseline, the mean colour everywhere: zero in normalised values. Where a gradient says what a small change
does, this adds the gradients up along the straight line from B to X, so that the pixels add up to F(X) - F(B), as
nearly as the steps follow the integral. How much of this change they do add up to is told.

Reference: Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", equations 1 to 3.

Differences from the paper: the mean colour instead of black, and the gradient in the middle of each step, where its sum
takes that at the end: nearer to the integral at the same cost.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from zfnet.classification import HEADS
from zfnet.errors import Cancelled, SelectionError
from zfnet.model import Trace, ZFNet
from zfnet.saliency import Saliency, check_centred
from zfnet.unit import Unit
from zfnet.window import Window

# Pictures traced at once, 20 MB each.
_BATCH = 8


@dataclass(frozen=True, slots=True)
class IntegratedGradients(Saliency):
    """What a unit's value is made of: ``pixels`` as in ``Saliency``; ``change`` is the value less that of the blank."""

    steps: int
    change: float

    @property
    def explained(self) -> float:
        """Return the share of the change that the pixels add up to: 1 but for the steps; 1 where nothing changes."""
        return float(self.pixels.sum(dtype=float)) / self.change if self.change else 1.0


def integrated_gradients(
    model: ZFNet,
    trace: Trace,
    unit: Unit,
    *,
    steps: int = 32,
    centred: bool = False,
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> IntegratedGradients:
    """Carry a unit's value down to the pixels of a traced picture, on the way there from a blank one.

    Args:
        model: the network of the trace.
        trace: of one picture.
        unit: at conv1 ... fc8, or ``gap:207`` for a class of the averaging head. Without a position its strongest cell
            is taken; where it is silent, nothing is carried.
        steps: on the way; a forward pass and a way down for each.
        centred: of a class (fc8 or gap), take the logit less the mean of all logits; see ``zfnet.cam``.
        slot: entered for every batch of steps, so that others' work can go in between.
        progress: called after every batch with the number of steps done and of all.
        cancel: asked before every batch.

    Raises:
        SelectionError: for a unit that does not exist, or steps below 1.
        Cancelled: when ``cancel`` says so.
    """
    unit.check(model.config, tuple(trace.outputs))
    check_centred(unit, centred=centred)
    if steps < 1:
        raise SelectionError(f"steps are counted from 1 on, got {steps}")
    values, until = trace.activation(unit.layer), None if unit.layer in HEADS.values() else unit.layer
    seed = torch.zeros_like(values)
    if values.ndim == 2:
        seed[0, unit.channel] = 1
    else:
        unit = unit.at_strongest(values[0, unit.channel].cpu().numpy())
        if unit.position:
            seed[(0, unit.channel, *unit.position)] = 1
    if centred:
        seed -= 1 / values.shape[1]
    with slot():
        blank = model.trace(torch.zeros_like(trace.input), until).activation(unit.layer)
        change = float((seed * (values - blank)).sum())
    total = torch.zeros_like(trace.input)
    for start in range(0, steps, _BATCH):
        if cancel and cancel():
            raise Cancelled(f"stopped after {start} of {steps} steps")
        at = range(start, min(start + _BATCH, steps))
        with slot():
            shares = ((total.new_tensor(at) + 0.5) / steps)[:, None, None, None]
            passed = model.trace(shares * trace.input, until)
            signal = seed.expand(len(at), *seed.shape[1:])
            total += model.pullback(passed, unit.layer, signal).sum(0, keepdim=True)
        if progress:
            progress(at.stop, steps)
    carried = (trace.input * total / steps)[0]
    return IntegratedGradients(
        unit, "integrated", Window(carried, 0, 0).picture(model.config.input_size), steps, change
    )
