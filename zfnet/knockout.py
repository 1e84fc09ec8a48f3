"""Units switched off: which maps an answer needs, by taking them away and asking again.

The activations A of chosen units are scaled and the rest of the network is run on them,

    A'_k = s A_k for the chosen k, A_k for all others,        logits' = (the layers above)(A')

with s = 0 for a unit that is switched off. Which channels a class needs is found greedily: with R the channels removed
so far, the next is the one without which the class's probability p is lowest,

    k* = argmin_k p(class | R ∪ {k} removed)

How maps are taken away, and why that is nearly free in conv5, is said in ``zfnet.ablation``.

References: Morcos et al. 2018, "On the importance of single directions for generalization"; Zhou, Sun, Bau & Torralba
2018, "Revisiting the Importance of Individual Units in CNNs via Ablation".

Differences from the papers: they ablate over a whole data set and measure accuracy, here it is one picture and the
probability of one class. Zhou et al. remove units in the order of their single effects; here each is chosen given those
removed already, because what two channels both know is missed only when both are gone. A channel is set to zero, as
theirs are, although a trained network never saw all of its map empty: a fall shows that the answer hangs on the
channel, not what the channel means.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from zfnet import ablation
from zfnet.classification import head_layer
from zfnet.errors import Cancelled, SelectionError
from zfnet.geometry import CONVOLUTIONS, LAYERS
from zfnet.model import Trace, ZFNet
from zfnet.unit import Unit


@dataclass(frozen=True, slots=True)
class Knockout:
    """The answer before and after units were scaled: logits and probabilities, each float32 (classes,)."""

    units: tuple[Unit, ...]
    scale: float
    head: str
    logits_before: np.ndarray = field(repr=False)
    logits_after: np.ndarray = field(repr=False)
    probabilities_before: np.ndarray = field(repr=False)
    probabilities_after: np.ndarray = field(repr=False)

    def top(self, count: int = 5) -> tuple[int, ...]:
        """Return the classes that are most probable after, in falling order."""
        return tuple(np.argsort(-self.logits_after, kind="stable")[:count].tolist())


@dataclass(frozen=True, slots=True)
class Step:
    """One channel more removed: the class's probability and logit without it, and the most probable class, by index."""

    unit: Unit
    probability: float
    logit: float
    label: int


def knockout(model: ZFNet, trace: Trace, units: Sequence[Unit], *, scale: float = 0.0, head: str = "fc") -> Knockout:
    """Scale what units say and let the rest of the network answer; layers below the lowest unit are not run again.

    Args:
        model: the network of the trace.
        trace: of one picture.
        units: of any layer that the head reads, conv1 ... fc7 ("gap": ... conv5); one with a position is scaled in
            that cell only. Naming one twice is naming it once.
        scale: what their values after ReLU are multiplied by, from 0 (switched off).
        head: which classifier answers, "fc" or "gap".

    Raises:
        SelectionError: for a unit or head that does not exist, or a scale below 0 or not finite.
    """
    logits = head_layer(trace, head)
    before = trace.outputs[logits][0]
    if not (math.isfinite(scale) and scale >= 0):
        raise SelectionError(f"units are scaled by a finite factor from 0 on, got {scale}")
    below = LAYERS[: LAYERS.index("conv5" if head == "gap" else "fc7") + 1]
    units = tuple(dict.fromkeys(unit.check(model.config, below) for unit in units))
    after = before
    if units:
        lowest = min((unit.layer for unit in units), key=LAYERS.index)

        def change(layer: str, maps: Tensor) -> Tensor:
            return _scaled(maps, [unit for unit in units if unit.layer == layer], scale)

        left = ablation.read(model, lowest, change(lowest, trace.activation(lowest)), head=head, change=change)
        after = model.get_submodule(logits)(left)[0]
    answers = before.float().cpu().numpy().copy(), after.float().cpu().numpy().copy()
    probabilities = (values.softmax(0).float().cpu().numpy() for values in (before, after))
    return Knockout(units, scale, head, *answers, *probabilities)


def needed(
    model: ZFNet,
    trace: Trace,
    class_index: int,
    *,
    count: int = 5,
    layer: str = "conv5",
    head: str = "fc",
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    cancel: Callable[[], bool] | None = None,
) -> tuple[Step, ...]:
    """Remove the channels that a class needs, one after another, each given those before it.

    Args:
        model: the network of the trace.
        trace: of one picture.
        class_index: whose probability is to fall.
        count: how many channels; fewer come back where fewer say anything, for silent ones change nothing.
        layer: conv1 ... conv5. Below conv5 every candidate costs a pass through the layers above.
        head: which classifier answers, "fc" or "gap".
        slot: entered for every batch, so that others' work can go in between.
        cancel: asked before every batch.

    Raises:
        SelectionError: for a class, layer or head that does not exist, or a count below 1.
        Cancelled: when ``cancel`` says so.
    """
    answer = model.get_submodule(head_layer(trace, head))
    _check(model, class_index, count, layer)
    with slot():
        live, without = ablation.live(trace, layer), ablation.without(model, trace, layer, head)
    steps: list[Step] = []
    removed: list[int] = []
    for _ in range(min(count, len(live))):
        least = math.inf
        for batch in ablation.batches(layer, live):
            if cancel and cancel():
                raise Cancelled(f"stopped after {len(steps)} of {count} channels")
            with slot():
                logits = answer(without(removed, batch))
                # In float64: what is as good as certain, or as good as impossible, still has an order.
                sizes = logits.double().log_softmax(1)[:, class_index].cpu().numpy()
            lowest = int(sizes.argmin())
            if sizes[lowest] < least:
                least, channel = float(sizes[lowest]), batch[lowest]
                logit, label = float(logits[lowest, class_index]), int(logits[lowest].argmax())
        live.remove(channel)
        removed.append(channel)
        steps.append(Step(Unit(layer, channel), math.exp(least), logit, label))
    return tuple(steps)


def _scaled(maps: Tensor, units: Sequence[Unit], scale: float) -> Tensor:
    """Return a layer's values (K, C[, H, W]) with units scaled; a cell that two of them name is scaled once."""
    factors = torch.ones_like(maps[:1])
    for unit in units:
        factors[0, unit.channel][unit.position or ...] = scale
    return maps * factors if units else maps


def _check(model: ZFNet, class_index: int, count: int, layer: str) -> None:
    classes = model.config.num_classes
    if not 0 <= class_index < classes:
        raise SelectionError(f"there are {classes} classes (0-{classes - 1}), got {class_index}")
    if count < 1:
        raise SelectionError(f"channels are counted from 1 on, got {count}")
    if layer not in CONVOLUTIONS:
        raise SelectionError(f"channels are removed from {', '.join(CONVOLUTIONS)}, got {layer!r}")
