"""How activation maximization compares with dreamlens, where that is installed, and how long a visitor waits for it.

Both sides write pictures as the same weighted spectrum, start from the same deviation in it, and use the same weights,
threads and normalisation; dreamlens's colour matrix is 1.6 to 2.4 times ours, so are its noise and steps at an equal
learning rate. Neither holds a picture back, unless movements are on: then each side does what it does by default. Ours
stops at the layer and computes the channels asked for; dreamlens runs the network to its end and climbs what is after
ReLU. A class is climbed by its logit less the mean of all logits here, by the plain logit there.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from tests.benchmarks.methods import Comparison
from tests.benchmarks.tables import interleaved, spread, table
from zfnet.climb import Maximization
from zfnet.errors import Cancelled
from zfnet.maximization_settings import PRESETS, MaximizationSettings
from zfnet.objective import Objective
from zfnet.transformation import Transformation
from zfnet.unit import Unit

try:
    from dreamlens import FeatureVisualizer
    from dreamlens.optimization import RenderConfig, TransformConfig
except ImportError:  # not among the requirements: only measured here
    FeatureVisualizer = None

_SIZE = 224
# One step: what is climbed, how much of the peer's time ours may take, and rounds by the number of pictures at once.
_CLIMBED = {"conv3": ("conv3 channels", 0.85), "conv5": ("conv5 channels", 0.85), "fc8": ("classes", 1.05)}
_ROUNDS = {1: 3, 8: 1}
# A step is a longer run less a shorter one, by the steps between: the start does not count, and one picture of the way
# does, as often as in a run of 256.
_SHORT, _LONG = 2, 13
# Objectives: every 16th channel, and learning rates of dreamlens: its own default and ours.
_CHANNELS, _STEPS, _AT_ONCE, _RATES = range(0, 256, 16), 64, 8, (0.009, 0.3)
# Waiting: what, how long it may take at "normal", and how much of the objective of "best" that reaches.
_WAITED = {
    "conv5 channel": ([f"conv5:{channel}" for channel in range(0, 256, 52)], 5.0),
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


def maximization_tables(comparison: Comparison, rounds: int) -> list[str]:
    """Return the tables of a step's time, of the objective at equal steps, and of what a visitor waits for."""
    return [_step_table(comparison, rounds), _objective_table(comparison), *_waiting_tables(comparison)]


def _step_table(comparison: Comparison, rounds: int) -> str:
    times = {}
    for batch, most in _ROUNDS.items():
        subjects = {f"{layer} {batch}": _steps(comparison, layer, [*range(0, 16 * batch, 16)]) for layer in _CLIMBED}
        times |= interleaved(subjects, min(rounds, most), lambda: None)
    rows = []
    for layer, (name, target) in _CLIMBED.items():
        for batch in _ROUNDS:
            cells = [f"{name}, {batch} at once"]
            for kind in ("moved", "still"):
                ours, peer = (_per_step(times[f"{layer} {batch}"], f"{side} {kind}") for side in ("ours", "peer"))
                cells.append(spread(ours, "ms"))
                cells += [spread(peer, "ms"), _share(ours, peer, target)] if peer else ["not installed", ""]
            rows.append(tuple(cells))
    heads = [(f"ZFNet Explorer, {kind}", f"dreamlens, {kind}", "of its time") for kind in ("moved", "not moved")]
    measured = f"A step is the time of {_LONG} steps less that of {_SHORT}, divided by {_LONG - _SHORT}."
    return table((f"One step at {_SIZE} pixels, float32", *heads[0], *heads[1]), rows) + f"\n\n{measured}"


def _steps(comparison: Comparison, layer: str, channels: list[int]) -> dict[str, Callable[[], Any]]:
    ways: dict[str, Callable[[], Any]] = {}
    for kind, settings in (("moved", _MOVED), ("still", _STILL)):
        for count in (_SHORT, _LONG):
            ways[f"ours {kind} {count}"] = partial(_climb, comparison, layer, channels, settings, stop=count)
            if FeatureVisualizer:
                ways[f"peer {kind} {count}"] = partial(_peer, comparison, layer, channels, kind == "moved", steps=count)
    return ways


def _per_step(times: Mapping[str, list[float]], way: str) -> list[float]:
    runs = (times.get(f"{way} {count}", []) for count in (_SHORT, _LONG))
    return [(long - short) / (_LONG - _SHORT) for short, long in zip(*runs, strict=True)]


def _share(ours: list[float], theirs: list[float], target: float) -> str:
    share = statistics.median(ours) / statistics.median(theirs)
    return f"{share:.2f}" + (f" (missed: {target:g})" if share > target else "")


def _climb(
    comparison: Comparison, layer: str, channels: list[int], settings: MaximizationSettings, *, stop: int
) -> list[Maximization]:
    """Return our results, or nothing from a run that is stopped after so many steps."""
    units, steps = [Unit(layer, channel) for channel in channels], []
    options = {"progress": lambda done, _: steps.append(done), "cancel": lambda: len(steps) >= stop}
    with contextlib.suppress(Cancelled):
        return [*comparison.session.maximize(units, settings, **options)]
    return []


def _peer(
    comparison: Comparison, layer: str, channels: list[int], moved: bool, *, steps: int, rate: float = _RATES[0]
) -> np.ndarray:
    """Return dreamlens's pictures, uint8 (N, 224, 224, 3)."""
    np.random.seed(0)
    torch.manual_seed(0)
    # A new one for every run: it keeps the movements of its first.
    visualizer = FeatureVisualizer(comparison.chain, quiet=True, preprocess=comparison.session._normalise)
    movements = TransformConfig() if moved else TransformConfig(transforms=())
    config = RenderConfig(width=_SIZE, height=_SIZE, steps=steps, lr=rate, transform=movements)
    made = visualizer.maximize_channels(layer, channels, config=config)  # A class is a channel of fc8.
    return (made.image.as_nchw() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def _driven(comparison: Comparison, units: list[Unit], images: np.ndarray, draws: int = 0) -> np.ndarray:
    """Return what drives each unit in a picture of its own, (N,), as shown or on average over small movements."""
    objective = Objective(comparison.session._model, units)
    x = torch.from_numpy(images.copy()).permute(0, 3, 1, 2) / 255
    move, generator = Transformation(padding=0), torch.Generator().manual_seed(0)
    seen = [move(x, generator) for _ in range(draws)] or [x]
    with torch.no_grad():
        cells = [objective.cells(comparison.session._normalise(moved))[0] for moved in seen]
        return torch.stack([objective.drive(values) for values in cells]).mean(0).numpy()


def _objective_table(comparison: Comparison) -> str:
    groups = [[*_CHANNELS][first : first + _AT_ONCE] for first in range(0, len(_CHANNELS), _AT_ONCE)]
    units = [Unit("conv5", channel) for channel in _CHANNELS]

    def reached(made: list[Any]) -> np.ndarray:
        return _driven(comparison, units, np.concatenate(made)).clip(min=0)  # The mean after ReLU.

    settings = replace(_STILL, steps=_STEPS)
    made = [_climb(comparison, "conv5", group, settings, stop=_STEPS) for group in groups]
    ours = reached([[result.image for result in results] for results in made])
    rows = [_objective_row(f"ZFNet Explorer, learning rate {_STILL.learning_rate:g}", ours)]
    for rate in _RATES if FeatureVisualizer else ():
        made = [_peer(comparison, "conv5", group, False, steps=_STEPS, rate=rate) for group in groups]
        rows.append(_objective_row(f"dreamlens, learning rate {rate:g}", reached(made), ours))
    if not FeatureVisualizer:
        rows.append(("dreamlens", "not installed", "", "", "", ""))
    heading = f"{_STEPS} steps at {_SIZE} pixels, {len(_CHANNELS)} channels of conv5, no movements"
    compared = ("ours, of its median", "where neither is silent", "ours is higher in")
    return table((heading, "channel mean, median", "silent", *compared), rows)


def _objective_row(name: str, values: np.ndarray, ours: np.ndarray | None = None) -> tuple[str, ...]:
    median, silent = np.median(values), f"{(values == 0).sum()} of {len(values)}"
    if ours is None:
        return name, f"{median:.2f}", silent, "", "", ""
    share, heard = np.median(ours) / median if median else float("inf"), (ours > 0) & (values > 0)
    both = f"{np.median(ours[heard]) / np.median(values[heard]):.2f}×" if heard.any() else "–"
    missed = " (missed: 1×)" if share < 1 else ""
    return name, f"{median:.2f}", silent, f"{share:.2f}×{missed}", both, f"{(ours > values).sum()} of {len(values)}"


def _waiting_tables(comparison: Comparison) -> list[str]:
    """One unit after the other, each in every way in turn."""
    comparison.session.maximize(["conv5:0"], replace(_WAYS["normal"], steps=8))  # warms up
    rows, plain = [], []
    for name, (units, target) in _WAITED.items():
        seconds, driven, moved = ({way: [] for way in _WAYS} for _ in range(3))
        for unit in units:
            for way, settings in _WAYS.items():
                begin = time.perf_counter()
                (result,) = comparison.session.maximize([unit], settings)
                seconds[way].append(time.perf_counter() - begin)
                driven[way] += _driven(comparison, [result.unit], result.image[None]).tolist()
                moved[way] += _driven(comparison, [result.unit], result.image[None], _DRAWS).tolist()
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
