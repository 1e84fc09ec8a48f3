"""Activation maximization: the picture that drives a unit, by gradient ascent on the picture.

    x* = argmax_x  E_t[log drive(t(x))] - Σ_r λ_r R_r(x)

with Adam on the numbers z that x is written in (:mod:`zfnet.parametrisation`), a new small movement t for every step
(:mod:`zfnet.transformation`) and penalties R (:mod:`zfnet.regularisers`); ``drive`` is the unit's value
(:mod:`zfnet.objective`). By the logarithm a strength λ means the same for a quiet unit as for a loud one; below zero,
drive - |drive| Σ λ R is climbed. Where a unit is named several times, each of its pictures starts from noise of its
own, and how alike they are is one more penalty. A large canvas is climbed coarse to fine: half of the steps on smaller
ones, where a step is cheap, the others on the full one.

References: Erhan et al. 2009, "Visualizing Higher-Layer Features of a Deep Network"; Simonyan et al. 2014, "Deep Inside
Convolutional Networks"; Yosinski et al. 2015, "Understanding Neural Networks Through Deep Visualization"; Olah et al.
2017, "Feature Visualization", Distill.

Differences from these: coarse to fine by enlarging the spectrum; a silent unit is climbed by its value before ReLU.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby

import numpy as np

from zfnet.climb import Climb, Maximization, Normalise, Progress
from zfnet.errors import SelectionError
from zfnet.geometry import LAYERS
from zfnet.maximization_settings import MaximizationSettings
from zfnet.model import ZFNet
from zfnet.unit import Unit

# Units at once: each holds its own activations.
_BATCH = 16


def maximize(
    model: ZFNet,
    units: Sequence[Unit],
    settings: MaximizationSettings,
    normalise: Normalise,
    *,
    picture: np.ndarray | None = None,
    slot: Callable[[], AbstractContextManager[None]] = nullcontext,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> tuple[Maximization, ...]:
    """Make one picture for each unit. Neighbours of one layer and position are made together, in one batch.

    Args:
        model: the network; work stops at the unit's layer.
        units: without a position the mean of the channel's map counts, with one that cell; for fully connected layers,
            and ``gap:207``, the unit itself.
        settings: how to climb. The same settings give the same pixels on the same CPU.
        normalise: from RGB in [0, 1] to the network's input, (N, 3, H, W) both.
        picture: what to start from with ``start="picture"``, uint8 (224, 224, 3).
        slot: entered for every single step, so that others' work can go in between.
        progress: called after every step.
        cancel: asked after every step but the last.

    Raises:
        SelectionError: for a unit that the network does not have, or without the picture to start from.
        Cancelled: when ``cancel`` says so.
    """
    layers = LAYERS if model.gap is None else (*LAYERS, "gap")
    for unit in units:
        unit.check(model.config, layers)
    if settings.start == "picture" and picture is None:
        raise SelectionError("start='picture' needs a picture to start from, got none")
    results: list[Maximization] = []
    for _, group in groupby(units, key=lambda unit: (unit.layer, unit.position)):
        together = list(group)
        for first in range(0, len(together), _BATCH):
            climb = Climb(model, together[first : first + _BATCH], settings, normalise=normalise, picture=picture)
            results += climb.run(slot, progress, cancel)
    return tuple(results)
