"""The network's answer: softmax over the logits of one of its heads."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zfnet.errors import SelectionError
from zfnet.labels import Labels
from zfnet.model import Trace

HEADS = {"fc": "fc8", "gap": "gap"}


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class of the answer. ``probability`` is in [0, 1]; the logit is what comes before softmax."""

    index: int
    name: str
    probability: float
    logit: float


@dataclass(frozen=True, slots=True)
class Classification:
    """The most probable classes in falling order, and all probabilities, float32 (classes,)."""

    head: str
    classes: tuple[ClassScore, ...]
    probabilities: np.ndarray = field(repr=False)


def classify(trace: Trace, labels: Labels, *, top: int = 5, head: str = "fc") -> Classification:
    """Return the ``top`` classes of a traced picture.

    Args:
        trace: of one picture.
        labels: the names of the classes.
        top: how many classes, at least 1; more than there are means all.
        head: "fc" for fc6-fc8, "gap" for the linear head on averaged conv5 maps.

    Raises:
        SelectionError: for a head that the network does not have, or ``top`` below 1.
    """
    logits = trace.outputs[head_layer(trace, head)][0]
    if top < 1:
        raise SelectionError(f"top counts classes from 1 on, got {top}")
    probabilities = logits.softmax(0)
    order = logits.argsort(descending=True, stable=True)[:top].tolist()
    classes = tuple(ClassScore(i, labels.name(i), float(probabilities[i]), float(logits[i])) for i in order)
    return Classification(head, classes, probabilities.cpu().numpy())


def head_layer(trace: Trace, head: str) -> str:
    """Return the layer that holds a head's logits: fc8 for "fc", gap for "gap"."""
    available = [name for name, layer in HEADS.items() if layer in trace.outputs]
    if head not in available:
        raise SelectionError(f"this network's heads are {', '.join(available)}, got {head!r}")
    return HEADS[head]


def class_seeds(trace: Trace, classes: Sequence[int], head: str, *, centred: bool) -> Tensor:
    """Return the gradient of each class's score with respect to the logits, (K, classes)."""
    logits = trace.outputs[head_layer(trace, head)]
    seeds = F.one_hot(torch.tensor(list(classes), device=logits.device), logits.shape[1]).to(logits.dtype)
    return seeds - 1 / logits.shape[1] if centred else seeds
