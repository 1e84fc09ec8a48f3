"""Feature maps: what every channel of a layer answers to a picture."""

from dataclasses import dataclass, field

import numpy as np

from zfnet.errors import SelectionError
from zfnet.geometry import LAYERS, RECTIFIED
from zfnet.model import Trace


@dataclass(frozen=True, slots=True)
class FeatureMaps:
    """All channels of one layer, float32 (C, H, W); fully connected layers have H = W = 1."""

    layer: str
    rectified: bool
    values: np.ndarray = field(repr=False)

    @property
    def silent(self) -> np.ndarray:
        """Return which channels are zero or below everywhere on this picture, bool (C,)."""
        return np.asarray(self.values.max(axis=(1, 2)) <= 0)

    def ranked(self) -> np.ndarray:
        """Return the channel numbers by falling maximum, equal ones by number, int (C,)."""
        return np.argsort(-self.values.max(axis=(1, 2)), kind="stable")


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
