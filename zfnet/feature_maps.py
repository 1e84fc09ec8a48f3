"""Feature maps: what every channel of a layer answers to a picture, and how the layers compare."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from zfnet.errors import SelectionError
from zfnet.geometry import LAYERS, RECTIFIED
from zfnet.model import Trace

# The fixed scale ends here: the very strongest cells of a few pictures would make all others dark.
FIXED_QUANTILE = 0.999


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """All channels of one layer, float32 (C, H, W); fully connected layers have H = W = 1."""

    layer: str
    rectified: bool
    values: np.ndarray = field(repr=False)

    @property
    def maximum(self) -> np.ndarray:
        """Return each channel's largest value, (C,)."""
        return np.asarray(self.values.max(axis=(1, 2)))

    @property
    def mean(self) -> np.ndarray:
        """Return each channel's mean, (C,)."""
        return np.asarray(self.values.mean(axis=(1, 2)))

    @property
    def sparsity(self) -> np.ndarray:
        """Return which share of each channel's cells is zero or below, in [0, 1], (C,)."""
        return np.asarray((self.values <= 0).mean(axis=(1, 2)))

    @property
    def silent(self) -> np.ndarray:
        """Return which channels are zero or below everywhere on this picture, bool (C,); no logit counts as silent."""
        return np.asarray(self.maximum <= 0) & (self.layer != "fc8")

    def ranked(self, by: str = "maximum") -> np.ndarray:
        """Return the channel numbers in an order of ``ORDERS``, equal ones by number, int (C,).

        Everything but ``index`` falls, and puts silent channels last: a map without any activation is not the sparsest,
        it is none.

        Raises:
            SelectionError: for an order that does not exist.
        """
        if by not in ORDERS:
            raise SelectionError(f"the orders are {', '.join(ORDERS)}, got {by!r}")
        return np.asarray(np.lexsort((-ORDERS[by](self), self.silent & (by != "index"))))


ORDERS: dict[str, Callable[[FeatureMaps], np.ndarray]] = {
    "index": lambda maps: -np.arange(len(maps.values)),
    "maximum": lambda maps: maps.maximum,
    "mean": lambda maps: maps.mean,
    "sparsity": lambda maps: maps.sparsity,
}


@dataclass(frozen=True, slots=True)
class LayerStatistics:
    """How a layer answers to one picture as a whole, after ReLU: ``sparsity`` is the share of its cells at zero."""

    layer: str
    channels: int
    silent: int
    sparsity: float
    mean: float
    maximum: float


def feature_maps(trace: Trace, layer: str, *, rectified: bool = True) -> FeatureMaps:
    """Return the maps of a layer.

    Args:
        trace: of one picture.
        layer: conv1 ... fc8.
        rectified: after ReLU, as the next layer reads them; False for the values before. The same for layers without
            ReLU.

    Raises:
        SelectionError: for a layer that does not exist.
    """
    if layer not in LAYERS:
        raise SelectionError(f"the layers are {', '.join(LAYERS)}, got {layer!r}")
    values = (trace.activation(layer) if rectified else trace.outputs[layer])[0]
    maps = values if values.ndim == 3 else values[:, None, None]  # (C, H, W)
    # A copy, for the trace is shared: nobody may write into it.
    return FeatureMaps(layer, rectified and layer in RECTIFIED, maps.cpu().numpy().copy())


def layer_statistics(trace: Trace) -> tuple[LayerStatistics, ...]:
    """Return one line for each layer, conv1 ... fc8, of a picture's trace."""
    return tuple(_statistics(feature_maps(trace, layer)) for layer in LAYERS)


def fixed_limit(layers: Iterable[np.ndarray], count: int) -> float:
    """Return the value that one cell in a thousand exceeds, over the maps of ``count`` pictures.

    Args:
        layers: the maps of one layer, (C, H, W), one picture after the other; no two of them are held at once.
        count: how many there are.
    """
    top = np.empty(0, np.float32)
    for values in layers:
        kept = int(values.size * count * (1 - FIXED_QUANTILE)) + 1
        top = np.append(top, values.ravel())
        if top.size > kept:
            top = np.partition(top, -kept)[-kept:]
    return float(top.min())


def _statistics(maps: FeatureMaps) -> LayerStatistics:
    values = maps.values
    sparsity, mean, maximum = float((values == 0).mean()), float(values.mean()), float(values.max())
    return LayerStatistics(maps.layer, len(values), int(maps.silent.sum()), sparsity, mean, maximum)
