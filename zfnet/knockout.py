"""Units switched off: which maps an answer needs, by taking them away and asking again.

The activations A of chosen units are scaled and the rest of the network is run on them,

    A'_k = s A_k for the chosen k, A_k for all others,        logits' = (the layers above)(A')

with s = 0 for a unit that is switched off. Which channels a class needs is found greedily: with R the channels removed
so far, the next is the one without which the class's probability p is lowest,

    k* = argmin_k p(class | R ∪ {k} removed)

In conv5 this is nearly free. A removed map is zero after pooling, too, and what fc6 reads (as what the averaging head
reads) is a sum over the channels, z = b + Σ_k W_k pool5_k: one part a channel, made once, to be taken from z.

References: Morcos et al. 2018, "On the importance of single directions for generalization"; Zhou, Sun, Bau & Torralba
2018, "Revisiting the Importance of Individual Units in CNNs via Ablation".

Differences from the papers: they ablate over a whole data set and measure accuracy, here it is one picture and the
probability of one class. Zhou et al. remove units in the order of their single effects; here each is chosen given those
removed already, because what two channels both know is missed only when both are gone. A channel is set to zero, as
theirs are, although a trained network never saw all of its map empty: a fall shows that the answer hangs on the
channel, not what the channel means.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.classification import head_layer
from zfnet.errors import Cancelled, SelectionError
from zfnet.geometry import CONVOLUTIONS, SPATIAL, Convolution, Pooling
from zfnet.model import FactoredLinear, Trace, ZFNet
from zfnet.unit import Unit

# Candidates at once: below conv5 each is a pass through the layers above, in conv5 a row of fc6.
_MAPS, _ROWS = 8, 256


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
        units: channels of convolutions; one with a position is scaled in that cell only. Naming one twice is naming it
            once.
        scale: what their values after ReLU are multiplied by, from 0 (switched off).
        head: which classifier answers, "fc" or "gap".

    Raises:
        SelectionError: for a unit or head that does not exist, or a scale below 0 or not finite.
    """
    before = trace.outputs[head_layer(trace, head)][0]
    if not (math.isfinite(scale) and scale >= 0):
        raise SelectionError(f"units are scaled by a finite factor from 0 on, got {scale}")
    units = tuple(dict.fromkeys(unit.check(model.config, CONVOLUTIONS) for unit in units))
    after = before
    if units:
        lowest = min((unit.layer for unit in units), key=SPATIAL.index)
        after = _answer(model, lowest, trace.activation(lowest), head=head, units=units, scale=scale)[0]
    logits = before.float().cpu().numpy().copy(), after.float().cpu().numpy().copy()
    probabilities = (values.softmax(0).float().cpu().numpy() for values in (before, after))
    return Knockout(units, scale, head, *logits, *probabilities)


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
    head_layer(trace, head)
    _check(model, class_index, count, layer)
    with slot():
        live = trace.activation(layer)[0].flatten(1).amax(1).cpu().numpy().nonzero()[0].tolist()
        without = _from_parts(model, trace, head) if layer == "conv5" else _from_maps(model, trace, layer, head)
    size = _ROWS if layer == "conv5" else _MAPS
    steps: list[Step] = []
    removed: list[int] = []
    for _ in range(min(count, len(live))):
        least = math.inf
        for start in range(0, len(live), size):
            if cancel and cancel():
                raise Cancelled(f"stopped after {len(steps)} of {count} channels")
            batch = live[start : start + size]
            with slot():
                logits = without(removed, batch)
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


# Logits, (K, classes), without the channels removed already and without each of K others.
_Without = Callable[[Sequence[int], Sequence[int]], Tensor]


def _from_parts(model: ZFNet, trace: Trace, head: str) -> _Without:
    """Return what removes channels of conv5, by the part that each has in fc6 or in the averaging head."""
    if head == "gap":
        parts = trace.activation("conv5")[0].mean((1, 2))[:, None] * model.gap.weight.T  # type: ignore[union-attr]
        whole = trace.outputs["gap"][0]
        return lambda removed, batch: whole - parts[removed].sum(0) - parts[batch]
    pooled, fc6, whole = trace.outputs["pool5"][0].flatten(1), model.get_submodule("fc6"), trace.outputs["fc6"][0]
    weight: Tensor = fc6.right if isinstance(fc6, FactoredLinear) else fc6.weight  # type: ignore[assignment]
    parts = torch.einsum("ocs,cs->co", weight.view(-1, *pooled.shape), pooled)  # (C, rank or outputs)
    if isinstance(fc6, FactoredLinear):
        parts = parts @ fc6.left.T

    def without(removed: Sequence[int], batch: Sequence[int]) -> Tensor:
        hidden = (whole - parts[removed].sum(0) - parts[batch]).relu()  # (K, outputs)
        return model.fc8(model.fc7(hidden).relu())  # type: ignore[operator, no-any-return]

    return without


def _from_maps(model: ZFNet, trace: Trace, layer: str, head: str) -> _Without:
    """Return what removes channels of any convolution, by running the layers above on what is left."""
    maps = trace.activation(layer)

    def without(removed: Sequence[int], batch: Sequence[int]) -> Tensor:
        left = maps.repeat(len(batch), 1, 1, 1)
        left[:, removed] = 0
        left[range(len(batch)), batch] = 0
        return _answer(model, layer, left, head=head)

    return without


def _answer(
    model: ZFNet, layer: str, maps: Tensor, *, head: str, units: Iterable[Unit] = (), scale: float = 1.0
) -> Tensor:
    """Return the logits, (K, classes), that maps after ReLU, (K, C, H, W), lead to, with units scaled on the way."""
    top = "conv5" if head == "gap" else "pool5"
    maps = _scaled(maps, [unit for unit in units if unit.layer == layer], scale)
    for name in SPATIAL[SPATIAL.index(layer) + 1 : SPATIAL.index(top) + 1]:
        shape: Convolution | Pooling = getattr(model.config, name)
        if isinstance(shape, Pooling):
            maps = F.max_pool2d(maps, shape.kernel, shape.stride, shape.padding, ceil_mode=shape.ceil)
        else:
            maps = _scaled(model.get_submodule(name)(maps).relu(), [u for u in units if u.layer == name], scale)
    return model.head(head, maps.mean((2, 3)) if head == "gap" else maps.flatten(1))


def _scaled(maps: Tensor, units: Sequence[Unit], scale: float) -> Tensor:
    """Return maps (K, C, H, W) with units scaled; a cell that two of them name is scaled once."""
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
