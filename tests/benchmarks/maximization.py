"""How activation maximization compares with dreamlens, and how long a visitor waits for it.

Both sides write pictures as the same weighted spectrum, start from the same deviation in it, and use the same weights,
threads and normalisation; dreamlens's colour matrix is 1.6 to 2.4 times ours, so are its noise and steps at an equal
learning rate. Neither holds a picture back, unless movements are on: then each side does what it does by default. Ours
stops at the layer and computes the channels asked for; dreamlens runs the network to its end and climbs what is after
ReLU. A class is climbed by its logit less the mean of all logits here, by the plain logit there. Nothing of a
picture is traced before: all of it counts as cold.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from dreamlens import FeatureVisualizer
from dreamlens.optimization import RenderConfig, TransformConfig

from tests.benchmarks.comparisons import Comparison, timed, times
from tests.benchmarks.networks import Networks
from tests.benchmarks.tables import Ways, interleaved, spread, table
from zfnet.climb import Maximization
from zfnet.errors import Cancelled
from zfnet.maximization_settings import PRESETS, MaximizationSettings
from zfnet.objective import Objective
from zfnet.transformation import Transformation
from zfnet.unit import Unit

_SIZE = 224
# One step: what is climbed, how much faster than the peer ours should be, and how many pictures at once.
_CLIMBED = {"conv3": ("conv3", 1 / 0.85), "conv5": ("conv5", 1 / 0.85), "fc8": ("classes", 1 / 1.05)}
_BATCHES, _ROUNDS = (1, 8), 3
# A step is a longer run less a shorter one, by the steps between: the start does not count, and one picture of the way
# does, as often as in a run of 256.
_SHORT, _LONG = 2, 13
# Objectives: every 16th channel, and learning rates of dreamlens: its own default and ours.
_CHANNELS, _STEPS, _AT_ONCE, _RATES = range(0, 256, 16), 64, 8, (0.009, 0.3)
# Waiting: what, how long it may take at "normal", and how much of the objective of "best" that reaches.
_WAITED = {
    "conv5 channel": ([f"conv5:{channel}" for channel in range(0, 256, 104)], 5.0),
    "conv5 cell": (["conv5:104@6,6"], float("inf")),
    "class": ([f"fc8:{index}" for index in (207, 497)], 15.0),
}
_OF_BEST, _DRAWS = 0.9, 32

_MOVED = replace(PRESETS["normal"], size=_SIZE, coarse_to_fine=False, precision="float32")
_STILL = replace(_MOVED, jitter=0, scale=0, rotation=0, padding=0, l2=0)
_WAYS = {
    "none": replace(PRESETS["none"], precision="float32"),
    "normal": replace(PRESETS["normal"], precision="float32"),
    "best": replace(PRESETS["best"], precision="float32"),
    "bfloat16": replace(PRESETS["normal"], precision="bfloat16"),
}
_COMPARED = {"normal": "best", "bfloat16": "normal"}


def maximization_comparisons(networks: Networks, rounds: int) -> list[Comparison]:
    """Compare the time of a step, and the objective at equal steps."""
    subjects = {
        f"{layer} {batch}": _steps(networks, layer, [*range(0, 16 * batch, 16)])
        for layer in _CLIMBED
        for batch in _BATCHES
    }
    measured = interleaved(subjects, min(rounds, _ROUNDS), lambda: None)
    steps = [_step_comparisons(layer, batch, measured[f"{layer} {batch}"]) for layer in _CLIMBED for batch in _BATCHES]
    return [*chain.from_iterable(steps), *_objective_comparisons(networks)]


def _steps(networks: Networks, layer: str, channels: list[int]) -> Ways:
    ways: Ways = {"passes": _passes(networks, layer, channels)}
    for kind, settings in (("moved", _MOVED), ("still", _STILL)):
        for count in (_SHORT, _LONG):
            ways[f"ours {kind} {count}"] = partial(_climb, networks, layer, channels, settings, stop=count)
            ways[f"peer {kind} {count}"] = partial(_peer, networks, layer, channels, kind == "moved", steps=count)
    return ways


def _passes(networks: Networks, layer: str, channels: list[int]) -> Callable[[], Any]:
    """Return one way up to the layer and down again: no step takes less."""
    objective = Objective(networks.session._model, [Unit(layer, channel) for channel in channels])
    x = networks.x.repeat(len(channels), 1, 1, 1).requires_grad_()
    return lambda: torch.autograd.grad(objective.drive(objective.cells(x)[0]).sum(), x)


def _step_comparisons(layer: str, batch: int, measured: Mapping[str, list[float]]) -> list[Comparison]:
    (name, target), floor = (
        _CLIMBED[layer],
        f"up to the layer and down again alone takes {spread(measured['passes'], 'ms')}",
    )
    comparisons = []
    for kind in ("moved", "still"):
        ours, theirs = (_per_step(measured, f"{side} {kind}") for side in ("ours", "peer"))
        subject, peer = f"{name}, {batch} at once", f"dreamlens, {kind}"
        more = {"target": target, "floor": floor}
        comparisons.append(timed("maximization step", subject, peer, "cold", ours=ours, theirs=theirs, **more))
    return comparisons


def _per_step(measured: Mapping[str, list[float]], way: str) -> list[float]:
    runs = (measured[f"{way} {count}"] for count in (_SHORT, _LONG))
    return [(long - short) / (_LONG - _SHORT) for short, long in zip(*runs, strict=True)]


def _climb(
    networks: Networks, layer: str, channels: list[int], settings: MaximizationSettings, *, stop: int
) -> list[Maximization]:
    """Return our results, or nothing from a run that is stopped after so many steps."""
    units, steps = [Unit(layer, channel) for channel in channels], []
    options = {"progress": lambda done, _: steps.append(done), "cancel": lambda: len(steps) >= stop}
    with contextlib.suppress(Cancelled):
        return [*networks.session.maximize(units, settings, **options)]
    return []


def _peer(
    networks: Networks, layer: str, channels: list[int], moved: bool, *, steps: int, rate: float = _RATES[0]
) -> np.ndarray:
    """Return dreamlens's pictures, uint8 (N, 224, 224, 3)."""
    np.random.seed(0)
    torch.manual_seed(0)
    # A new one for every run: it keeps the movements of its first.
    visualizer = FeatureVisualizer(networks.chain, quiet=True, preprocess=networks.session._normalise)
    movements = TransformConfig() if moved else TransformConfig(transforms=())
    config = RenderConfig(width=_SIZE, height=_SIZE, steps=steps, lr=rate, transform=movements)
    made = visualizer.maximize_channels(layer, channels, config=config)  # A class is a channel of fc8.
    return (made.image.as_nchw() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _driven(networks: Networks, units: list[Unit], images: np.ndarray, draws: int = 0) -> np.ndarray:
    """Return what drives each unit in a picture of its own, (N,), as shown or on average over small movements."""
    objective = Objective(networks.session._model, units)
    x = torch.from_numpy(images.copy()).to(networks.device).permute(0, 3, 1, 2) / 255
    move, generator = Transformation(padding=0), torch.Generator().manual_seed(0)
    seen = [move(x, generator) for _ in range(draws)] or [x]
    with torch.no_grad():
        cells = [objective.cells(networks.session._normalise(moved))[0] for moved in seen]
        return torch.stack([objective.drive(values) for values in cells]).mean(0).cpu().numpy()


def _objective_comparisons(networks: Networks) -> list[Comparison]:
    """Compare the median channel mean of the pictures, ours as a multiple of the peer's."""
    groups = [[*_CHANNELS][first : first + _AT_ONCE] for first in range(0, len(_CHANNELS), _AT_ONCE)]
    units = [Unit("conv5", channel) for channel in _CHANNELS]

    def reached(made: list[Any]) -> np.ndarray:
        return _driven(networks, units, np.concatenate(made)).clip(min=0)  # The mean after ReLU.

    settings = replace(_STILL, steps=_STEPS)
    made = [_climb(networks, "conv5", group, settings, stop=_STEPS) for group in groups]
    ours = reached([[result.image for result in results] for results in made])
    peers = {
        rate: reached([_peer(networks, "conv5", group, False, steps=_STEPS, rate=rate) for group in groups])
        for rate in _RATES
    }
    return [_objective_comparison(rate, ours, theirs) for rate, theirs in peers.items()]


def _objective_comparison(rate: float, ours: np.ndarray, theirs: np.ndarray) -> Comparison:
    median, heard = float(np.median(theirs)), (ours > 0) & (theirs > 0)
    both = times(float(np.median(ours[heard]) / np.median(theirs[heard]))) if heard.any() else "–"
    return Comparison(
        "maximization objective",
        f"channel mean after {_STEPS} steps",
        f"dreamlens, rate {rate:g}",
        "cold",
        f"{np.median(ours):.2f}, {(ours == 0).sum()} of {len(ours)} silent",
        f"{median:.2f}, {(theirs == 0).sum()} silent, {both} where neither is",
        ratios=(float(np.median(ours)) / median if median else float("inf"),),
        target=1,
        floor="an objective has none",
    )


def waiting_tables(networks: Networks) -> list[str]:
    """Return how long a visitor waits, one unit after the other, each in every way in turn."""
    networks.session.maximize(["conv5:0"], replace(_WAYS["normal"], steps=8))  # warms up
    rows, plain = [], []
    for name, (units, target) in _WAITED.items():
        seconds, driven, moved = ({way: [] for way in _WAYS} for _ in range(3))
        for unit in units:
            for way, settings in _WAYS.items():
                begin = time.perf_counter()
                (result,) = networks.session.maximize([unit], settings)  # in arrays: a GPU has done its work
                seconds[way].append(time.perf_counter() - begin)
                driven[way] += _driven(networks, [result.unit], result.image[None]).tolist()
                moved[way] += _driven(networks, [result.unit], result.image[None], _DRAWS).tolist()
        shares = {way: statistics.median(np.divide(driven[way], driven[of])) for way, of in _COMPARED.items()}
        missed = f" (missed: {_OF_BEST:g})" if shares["normal"] < _OF_BEST else ""
        waits = spread(seconds["normal"], "s", target), spread(seconds["best"], "s")
        rough = statistics.median(np.divide(seconds["bfloat16"], seconds["normal"]))
        cells = f"{shares['normal']:.3f}{missed}", f"{rough:.2f}×", f"{shares['bfloat16']:.2f}×"
        rows.append((f"{name}, {len(units)} of them", *waits, *cells))
        plain.append((name, *(f"{np.mean(v[way]):.2f}" for v in (driven, moved) for way in ("none", "normal"))))
    rough = ("bfloat16 at normal, of float32's time", "of its objective")
    return [
        table(("A visitor waits, float32", "normal", "best", "objective of normal, of best's", *rough), rows),
        table(("Mean objective", "none, as shown", "normal, as shown", "none, moved", "normal, moved"), plain),
    ]
